# SPDX-License-Identifier: Apache-2.0
# A real user manager of systemd for one command, in a mount namespace of its own, as root:
# `unshare -m sh user_manager.sh HOME UID GROUP COMMAND …`. GROUP is one more that the user is in.
# The machine itself need not have been booted by systemd. The caller removes the control groups that this makes.
set -e
home=$1 uid=$2 group=$3
shift 3
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/systemd/unit-root "/run/user/$uid"
chown "$uid:$uid" "/run/user/$uid"
chmod 700 "/run/user/$uid"
for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -f "$tree/cgroup.procs" ] || continue
    mkdir -p "$tree/tinytl_manager_$uid"
    chown -R "$uid:$uid" "$tree/tinytl_manager_$uid"
    echo $$ > "$tree/tinytl_manager_$uid/cgroup.procs"
done
exec setpriv --reuid="$uid" --regid="$uid" --groups="$group" env -i HOME="$home" XDG_RUNTIME_DIR="/run/user/$uid" PATH="$PATH" sh -ec '
/lib/systemd/systemd --user --log-target=console 2>"$HOME/manager.log" &
manager=$!
trap "kill $manager; wait $manager || true" EXIT
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    systemctl --user is-system-running >/dev/null 2>&1 && break
    sleep 0.5
done
"$@"' sh "$@"
