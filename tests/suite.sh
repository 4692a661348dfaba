# shellcheck shell=bash
# Functions to run TAP suites and to count what they say. Sourced by check.sh.
#
# A suite counts only if it kept its plan: a missing plan, too few results or
# an exit status that no "not ok" explains each count as one failure.

suite_dir=build/check
suite_passed=0
suite_failed=0
suite_skipped=0
suite_names_failed=()
declare -A suite_pids=()	# of those that run: name by process
declare -A suite_ended=()	# status and seconds by name, not counted yet
declare -A suite_began=()
suite_order=()			# those not counted yet, as they were begun

# suite_run NAME SECONDS COMMAND...: run, keep the output, count, say one line.
suite_run() {
	local name=$1 limit=$2 log status=0 start=$SECONDS
	shift 2
	log=$suite_dir/${name//\//-}.tap
	timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null ||
		status=$?
	suite_count "$name" "$log" "$status" $((SECONDS - start))
}

# suite_side NAME SECONDS COMMAND...: the same beside others, as many as there
# are processors. For suites that share nothing; their lines come in the order
# in which they were begun.
suite_side() {
	local name=$1 limit=$2
	shift 2
	while ((${#suite_pids[@]} >= $(nproc))); do
		suite_reap
	done
	timeout --kill-after=20 "$limit" "$@" \
		>"$suite_dir/${name//\//-}.tap" 2>&1 </dev/null &
	suite_pids[$!]=$name
	suite_began[$name]=$SECONDS
	suite_order+=("$name")
}

# suite_reap: wait for one of them, and count those whose turn it is
suite_reap() {
	local pid status=0 name
	wait -n -p pid "${!suite_pids[@]}" || status=$?
	name=${suite_pids[$pid]}
	unset "suite_pids[$pid]"
	suite_ended[$name]="$status $((SECONDS - suite_began[$name]))"
	while ((${#suite_order[@]})); do
		name=${suite_order[0]}
		[[ -n ${suite_ended[$name]:-} ]] || break
		# shellcheck disable=SC2086 # two words
		suite_count "$name" "$suite_dir/${name//\//-}.tap" \
			${suite_ended[$name]}
		unset "suite_ended[$name]"
		suite_order=("${suite_order[@]:1}")
	done
}

# suite_settle: wait for all of them
suite_settle() {
	while ((${#suite_pids[@]})); do
		suite_reap
	done
}

# suite_stop: end those that still run; they do not hear an interrupt
suite_stop() {
	((${#suite_pids[@]} == 0)) || kill "${!suite_pids[@]}" 2>/dev/null
}

# suite_count NAME LOG STATUS SECONDS
suite_count() {
	local name=$1 log=$2 status=$3 seconds=$4
	local plan pass fail skip extra=0 why=
	plan=$(grep -aoE '^1\.\.[0-9]+' "$log" | tail -n 1 | cut -d. -f3)
	skip=$(grep -acE '^ok .*# *SKIP' "$log")
	pass=$(($(grep -acE '^ok ' "$log") - skip))
	fail=$(grep -acE '^not ok ' "$log")
	if [[ -z $plan ]]; then
		extra=1 why="no plan (exit status $status)"
	elif ((plan != pass + fail + skip)); then
		extra=1 why="planned $plan, saw $((pass + fail + skip))"
	elif ((plan == 0)); then
		extra=1 why="planned nothing"
	elif ((status != 0 && fail == 0)); then
		extra=1 why="exit status $status"
	fi
	suite_passed=$((suite_passed + pass))
	suite_failed=$((suite_failed + fail + extra))
	suite_skipped=$((suite_skipped + skip))
	printf '%-34s %4d passed %3d failed %3d skipped %5d s\n' \
		"$name" "$pass" $((fail + extra)) "$skip" "$seconds"
	grep -aE '^ok .*# *SKIP' "$log" | sed 's/^/    /'
	if ((fail + extra)); then
		suite_names_failed+=("$name")
		grep -aE -A 12 '^not ok ' "$log" | head -n 60 | sed 's/^/    /'
		if [[ -n $why ]]; then
			printf '    %s: %s; the end of %s:\n' "$name" "$why" "$log"
			tail -n 25 "$log" | sed 's/^/    | /'
		fi
	fi
}

# suite_summary: the closing line; fails unless all passed and some did.
suite_summary() {
	((${#suite_names_failed[@]})) &&
		echo "failed suites: ${suite_names_failed[*]}"
	echo "$suite_passed passed, $suite_failed failed, $suite_skipped skipped"
	((suite_failed == 0 && suite_passed > 0))
}
