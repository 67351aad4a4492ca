/* QEMU plugin: how many instructions the emulated program executed, and in which functions; printed at its end, the hottest
 * function first. Built against qemu-plugin.h of QEMU's own sources; used by tests/bench/emulated_instructions.py. */
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { kMaxFunctions = 20000, kMaxName = 400 };

struct function {
  const char* name; /* QEMU's own, lives as long as the program */
  struct qemu_plugin_scoreboard* board;
  uint64_t executed;
};

static struct function functions[kMaxFunctions];
static int num_functions;

/* Translation is rare beside execution: a linear search does. The last place is for what exceeds the table. */
static struct function* find(const char* name) {
  int i;
  for (i = 0; i < num_functions; ++i) {
    if (strcmp(functions[i].name, name) == 0) return &functions[i];
  }
  if (num_functions == kMaxFunctions) return &functions[kMaxFunctions - 1];
  functions[num_functions].name = name;
  functions[num_functions].board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
  return &functions[num_functions++];
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  const char* name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
  struct function* function = find(name == NULL ? "(no name)" : name);
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64,
                                                    qemu_plugin_scoreboard_u64(function->board),
                                                    qemu_plugin_tb_n_insns(block));
}

static int by_count(const void* left, const void* right) {
  const uint64_t a = ((const struct function*)left)->executed;
  const uint64_t b = ((const struct function*)right)->executed;
  return a < b ? 1 : a > b ? -1 : 0;
}

static void finish(qemu_plugin_id_t id, void* data) {
  char line[kMaxName];
  uint64_t total = 0;
  int i;
  (void)id;
  (void)data;
  for (i = 0; i < num_functions; ++i) {
    functions[i].executed = qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64(functions[i].board));
    total += functions[i].executed;
  }
  qsort(functions, (size_t)num_functions, sizeof(functions[0]), by_count);
  snprintf(line, sizeof(line), "instructions %" PRIu64 "\n", total);
  qemu_plugin_outs(line);
  for (i = 0; i < num_functions && functions[i].executed > 0; ++i) {
    snprintf(line, sizeof(line), "function %" PRIu64 " %.300s\n", functions[i].executed, functions[i].name);
    qemu_plugin_outs(line);
  }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  (void)info;
  (void)argc;
  (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, finish, NULL);
  return 0;
}
