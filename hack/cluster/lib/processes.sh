# shellcheck shell=bash
# Background processes that are recorded as pid and start time, so that only the very process that was started is
# ever taken for alive or stopped, never a later one with the same number. Linux (/proc).
#
# A process NAME of directory DIR has DIR/run/NAME (its record) and DIR/log/NAME.log (its output).

# The start time of a pid in clock ticks since boot; nothing for a dead one or a zombie.
process_start_time() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -ra fields <<<"${stat##*) }" # the name in parentheses may hold blanks
  [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

# process_start DIR NAME COMMAND...: detached from the terminal, its descriptors above 2 closed (they are our locks).
process_start() {
  local dir=$1 name=$2
  shift 2
  mkdir -p "$dir/run" "$dir/log"
  setsid "$@" >>"$dir/log/$name.log" 2>&1 </dev/null 7>&- 8>&- 9>&- &
  echo "$! $(process_start_time $!)" >"$dir/run/$name"
  disown $! # bash would report its end
}

# process_alive DIR NAME
process_alive() {
  local pid since
  read -r pid since 2>/dev/null <"$1/run/$2" || return 1
  [ -n "$since" ] && [ "$(process_start_time "$pid")" = "$since" ]
}

# process_stop DIR NAME [SIGNAL]: the process and its group, which setsid made for it alone. KILL follows when the signal
# (default TERM) has not helped within 10 s. Idempotent.
process_stop() {
  local dir=$1 name=$2 signal=${3:-TERM} pid _ i
  if process_alive "$dir" "$name"; then
    read -r pid _ <"$dir/run/$name"
    kill -s "$signal" -- "-$pid" 2>/dev/null || true
    for ((i = 0; i < 200; i++)); do
      process_alive "$dir" "$name" || break
      sleep 0.05
    done
    kill -s KILL -- "-$pid" 2>/dev/null || true # what is left of the group
  fi
  rm -f "$dir/run/$name"
}
