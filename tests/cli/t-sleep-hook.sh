#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook that systemd runs around the machine's sleep: what it has kmscrypt
# do, with a kmscrypt of our own that a KMS hangs behind.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

d=$CLI_DIR/hook
mkdir "$d" "$d/bin" "$d/run" || exit 1
hook=$d/hook
# the paths are the machine's, its kmscrypt is ours
sed "s,^PATH=.*,PATH=$d/bin:/usr/bin:/bin,; s,=/etc/kmscrypt,=$d,
	s,/run/kmscrypt,$d/run,g; s,=/sys/power/,=$d/,; s,/run/systemd/system,$d/systemd,
	s,sleep 5,sleep 0.2," \
	"$CLI_HOME/../../system/system-sleep" >"$hook"
chmod +x "$hook"

# reason NAME [REASON]: why it is locked; or from now on
reason() {
	if [ $# = 2 ]; then
		printf '{\n  "reason": "%s"\n}\n' "$2" >"$d/state.$1"
	else
		json_get reason <"$d/state.$1"
	fi
}

# Answers as kmscrypt does: the volumes are files, and what the KMS says to an
# unlock is in the file answer: an exit status.
cat >"$d/bin/kmscrypt" <<-END
	#!/bin/bash
	echo "\$*" >>$d/calls
	case \$1 in
	status)
		cat $d/state.\$2 2>/dev/null || exit 4
		grep -q '"none"' $d/state.\$2 || exit 5
		;;
	lock)
		[ ! -e $d/busy ] || exit 5
		echo '{ "reason": "sleep" }' >$d/state.\$2
		;;
	unlock)
		code=\$(cat $d/answer)
		[ "\$code" = 0 ] || exit "\$code"
		echo '{ "reason": "none" }' >$d/state.\$2
		;;
	esac
END
cat >"$d/bin/dmsetup" <<-END
	#!/bin/sh
	case \$1 in
	ls) printf 'one\t(254:0)\ntwo\t(254:1)\n' ;;
	status)
		for name in one two; do
			grep -q '"none"' $d/state.\$name && state=active ||
				state=locked
			echo "\$name: 0 8 kmscrypt \$state reason="
		done
		;;
	esac
END
cat >"$d/bin/systemctl" <<-END
	#!/bin/sh
	echo "systemctl \$*" >>$d/calls
END
cat >"$d/bin/sync" <<-END
	#!/bin/sh
	echo sync >>$d/calls
END
chmod +x "$d/bin/kmscrypt" "$d/bin/dmsetup" "$d/bin/systemctl" "$d/bin/sync"

# called PATTERN: the hook has called kmscrypt so
called() { grep -qx -- "$1" "$d/calls"; }
forget() { : >"$d/calls"; }
is_unlocked() { [ "$(reason "$1")" = none ]; }
# does the kernel sync on its way to sleep?
syncs() { [ "$(cat "$d/sync_on_suspend")" = "$1" ]; }
asked_twice() { [ "$(grep -cx 'unlock one' "$d/calls")" -ge 2 ]; }
nobody() { not pgrep -f "$hook"; }

echo 0 >"$d/answer"
echo 1 >"$d/sync_on_suspend"
reason one none
reason two none
forget
ok "not configured: before" "$hook" pre suspend
ok "... and after" "$hook" post suspend
ok "... nothing is done" [ ! -s "$d/calls" ]
ok "... the kernel syncs as it did" syncs 1
ok "another word is none" "$hook" nonsense

printf '# two\none\n\nnot-there\n' >"$d/sleep"
ok "configured: before" "$hook" pre suspend
ok "... locks, with frozen file systems" called 'lock one --freeze --sleep'
ok "... what is named alone" is_unlocked two
ok "... and nothing that is not there" not called 'lock not-there.*'
ok "... after a sync" [ "$(head -n 1 "$d/calls")" = sync ]
ok "... the kernel's would wait for it: there is none" syncs 0
echo 3 >"$d/answer"
ok "after, nobody reaches the KMS: it ends" "$hook" post suspend
ok "... the kernel syncs as it did" syncs 1
ok "... somebody goes on asking" wait_for 30 asked_twice
ok "... in vain" [ "$(reason one)" = sleep ]
echo 0 >"$d/answer"
ok "the KMS is back: unlocked" wait_for 30 is_unlocked one
ok "... and nobody goes on" wait_for 30 nobody
forget
ok "after, once more" "$hook" post suspend
ok "... there is nothing to do" [ ! -s "$d/calls" ]

for code in 2 4 6 9; do
	"$hook" pre suspend
	echo $code >"$d/answer"
	forget
	"$hook" post suspend
	ok "unlock ends with $code: it asks" wait_for 30 called 'unlock one'
	ok "... and does not go on" wait_for 30 nobody
	reason one none
done
echo 3 >"$d/answer"
echo 0 >"$d/sync_on_suspend"
"$hook" pre suspend
forget
"$hook" post suspend
ok "a kernel that does not sync: nor does it after" syncs 0
ok "a KMS that is away again" wait_for 30 asked_twice
reason one admin
ok "locked by somebody meanwhile: nobody goes on" wait_for 30 nobody
ok "... it stays so" [ "$(reason one)" = admin ]

echo '*' >"$d/sleep"
forget
OUT=$("$hook" pre suspend 2>&1)
ok "all: before" [ $? = 0 ]
shows "a volume is locked: nothing is synced" "... no sync waits for one"
ok "... nor is there any" not called sync
ok "... locks what is active" called 'lock two --freeze --sleep'
ok "... not what somebody has locked" not called 'lock one .*'
mkdir "$d/systemd"
ok "after, with systemd" "$hook" post suspend
ok "... which does it" called \
	'systemctl --no-block start kmscrypt-unlock@two.service'
rmdir "$d/systemd"
reason two none
: >"$d/busy"
OUT=$("$hook" pre suspend 2>&1)
ok "what cannot be locked: the machine sleeps" [ $? = 0 ]
shows "two is not locked" "... and it is named"
cli_end
