# Shell functions that the project's scripts share; sourced by bash, never run.
# shellcheck shell=bash

# die MESSAGE...: one clear line on stderr, then exit 1.
die() {
  echo "error: $*" >&2
  exit 1
}

# step LABEL COMMAND...: runs a command or function, quietly, in a subshell; prints one line with the seconds it took.
# Its output goes to $STEP_LOG; when it fails, the last lines are shown and the script ends.
step() {
  local label=$1 start=$SECONDS status
  shift
  : "${STEP_LOG:?set STEP_LOG before calling step}"
  printf '  %-58s ' "$label"
  set +e # not "( ... ) || status=$?": that would switch errexit off inside the subshell too
  (
    set -e
    "$@"
  ) >"$STEP_LOG" 2>&1
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    printf 'failed after %d s\n' $((SECONDS - start))
    echo "---- last lines of $STEP_LOG" >&2
    tail -n 40 "$STEP_LOG" >&2
    die "\"$label\" failed (exit status $status)"
  fi
  printf '%4d s\n' $((SECONDS - start))
}

# as_root COMMAND...: directly as root, else through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || die "this needs root rights or sudo: $*"
    sudo "$@"
  fi
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done
}

# install_packages PACKAGE...: installs what is missing with the machine's own apt.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "${missing[@]}"
}
