/* QEMU plugin: how many instructions the emulated program executed, printed at its end. Built against qemu-plugin.h
 * of QEMU's own sources; used by tests/bench/emulated_instructions.py. */
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdio.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct qemu_plugin_scoreboard* counts;
static qemu_plugin_u64 executed;

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64, executed, qemu_plugin_tb_n_insns(block));
}

static void finish(qemu_plugin_id_t id, void* data) {
  char line[64];
  (void)id;
  (void)data;
  snprintf(line, sizeof(line), "instructions %" PRIu64 "\n", qemu_plugin_u64_sum(executed));
  qemu_plugin_outs(line);
  qemu_plugin_scoreboard_free(counts);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  (void)info;
  (void)argc;
  (void)argv;
  counts = qemu_plugin_scoreboard_new(sizeof(uint64_t));
  executed = qemu_plugin_scoreboard_u64(counts);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, finish, NULL);
  return 0;
}
