#!/usr/bin/env bash
# systemd timers name times of the wall clock, and a time that the clock leaves out is not moved but dropped: of `OnCalendar=02:30` the
# day in spring has no run at all (Debian's cron(8) says that it runs such a job at once). In autumn the hour that comes twice
# counts once, also for what means "every": `hourly` runs at 01:00 and then two hours later, `*:0/15` pauses for an hour and a quarter
# (unless the timer is started anew in between).
# A heartbeat that is expected each hour, or each day with some hours of grace, therefore cries twice a year, on a server whose time zone
# changes its clock. `*-*-* *:00:00 UTC` is each hour. What is asked here is systemd's own preview, which computes as the timers do.
# Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
# From the machine comes what every Debian has.
apt-get download -qq systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 \
    libapparmor1 libcap2 libip4tc2 libkmod2 libseccomp2 libssl3 || { echo "cannot download systemd" >&2; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(echo root/usr/lib/*-linux-gnu/systemd):$(echo root/usr/lib/*-linux-gnu):$(echo root/lib/*-linux-gnu)
# The clock of New York, as a rule: put forward on 8 March 2026, put back on 1 November.
export LD_LIBRARY_PATH LC_ALL=C TZ=EST5EDT,M3.2.0,M11.1.0
analyze=root/usr/bin/systemd-analyze
$analyze --version | head -n 1
echo 'guess:     on the day that has no 02:30 the job runs half an hour sooner or later, as under cron; hourly is every hour'
echo 'behaviour: that day has no run; the hour that comes twice has one'
changed=0
check() {
    local from=$1 calendar=$2 wanted=$3 seen
    seen=$($analyze calendar --iterations=5 --base-time="$from" "$calendar" |
        sed -nE 's/^ *(Next elapse|Iter\. #[0-9]+): ... [0-9]+-([-0-9]+) ([0-9:]{5}):00 (E.T)$/\2 \3 \4/p' |
        paste -sd, | sed 's/,/, /g')
    printf '%-20s %s\n' "$calendar" "$seen"
    [ "$seen" = "$wanted" ] || changed=1
}
check '2026-03-06 12:00' '02:30' '03-07 02:30 EST, 03-09 02:30 EDT, 03-10 02:30 EDT, 03-11 02:30 EDT, 03-12 02:30 EDT'
check '2026-11-01 00:30' 'hourly' '11-01 01:00 EDT, 11-01 02:00 EST, 11-01 03:00 EST, 11-01 04:00 EST, 11-01 05:00 EST'
check '2026-11-01 01:20' '*:0/15' '11-01 01:30 EDT, 11-01 01:45 EDT, 11-01 02:00 EST, 11-01 02:15 EST, 11-01 02:30 EST'
check '2026-11-01 00:30' '*-*-* *:00:00 UTC' '11-01 01:00 EDT, 11-01 01:00 EST, 11-01 02:00 EST, 11-01 03:00 EST, 11-01 04:00 EST'
exit "$changed"
