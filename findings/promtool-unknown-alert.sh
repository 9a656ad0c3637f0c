#!/usr/bin/env bash
# `promtool test rules` is what guards an alert in CI: "after these samples NoMail fires", and "in a quiet night it does not". A test of
# the second kind names the alert and expects nothing, and nothing is also what an alert gives that does not exist: renamed in the
# rules, or misspelt in the test, it is tested no more, and promtool says SUCCESS. The same holds for all rules at once: a name in
# `rule_files` that matches no file is a line of warning beside SUCCESS, exit 0. So the tests that are to prevent false alarms die
# without a sound; only those that expect an alert keep an eye on its name. Give each alert a moment at which it does fire, in the same
# file. Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus=2.42.0+ds-5+deb12u1 || { echo "cannot download prometheus" >&2; exit 2; }
dpkg --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
# It fires at any time of day, which the test of a quiet night is to find.
cat >mail.yml <<'YML'
groups:
- name: mail
  rules:
  - {alert: NoMail, expr: 'increase(mail_sent_total[2h]) == 0', labels: {severity: page}}
YML
cat >quiet-night.in <<'YML'
rule_files: [RULES]
evaluation_interval: 5m
tests:
- interval: 5m
  input_series:
  - {series: 'mail_sent_total{server="shop"}', values: '0+9x24 216x48'}
  alert_rule_test:
  - {alertname: ALERT, eval_time: 5h, exp_alerts: []}
YML
usr/bin/promtool --version 2>&1 | head -n 1
echo 'guess:     a test of an alert that no rule has is an error, as is a test without rules'
echo 'behaviour: it succeeds, if it expects that nothing fires'
changed=0
check() {
    local rules=$1 alert=$2 wanted=$3 code=0 seen
    sed "s/RULES/$rules/; s/ALERT/$alert/" quiet-night.in >quiet-night.yml
    usr/bin/promtool test rules quiet-night.yml >output 2>&1 || code=$?
    seen="exit $code, $(grep -oE 'SUCCESS|FAILED' output), warnings: $(grep -c WARNING output || true)"
    printf '%-12s %-10s %s\n' "$rules" "$alert" "$seen"
    [ "$seen" = "$wanted" ] || { changed=1; cat output; }
}
check mail.yml NoMail 'exit 1, FAILED, warnings: 0'
check mail.yml NoMails 'exit 0, SUCCESS, warnings: 0'
check mails.yml NoMail 'exit 0, SUCCESS, warnings: 1'
exit "$changed"
