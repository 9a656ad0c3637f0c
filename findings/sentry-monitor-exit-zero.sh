#!/usr/bin/env bash
# sentry-sdk for Python reports a cron job as failed when it ends by `sys.exit(0)`: `sentry_sdk.crons.monitor` looks at whether an
# exception leaves the function, and SystemExit is one whatever its code is. So a job that ends well, with exit code 0 for cron and
# systemd, is an outage for whoever is paged; and no event stands beside it that would say why, since SystemExit is not captured.
# A `main` of click or Typer ends so each time. Put the monitor around what `main` calls, not around `main`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-compile --only-binary :all: sentry-sdk==2.75.0 click==8.1.8
cat >job.py <<'PY'
import sys
import click, sentry_sdk
from sentry_sdk.transport import Transport

class Printed(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            print(item.payload.json["status"] if item.type == "check_in" else item.type)

sentry_sdk.init(dsn="http://key@127.0.0.1:1/1", transport=Printed)

def returns(): pass
def exits(): sys.exit(0)
def fails(): sys.exit(1)
def raises(): raise ValueError
@click.command()
def clicks(): pass

job = globals()[sys.argv.pop(1)]
sentry_sdk.crons.monitor(monitor_slug="nightly")(job)()
PY
echo "sentry-sdk $(venv/bin/python -c 'import sentry_sdk; print(sentry_sdk.VERSION)')"
echo 'guess:     a job that ends with exit code 0 is a good one'
echo 'behaviour: ended by sys.exit it is an error, whatever the code'
changed=0
check() {
    local job=$1 wanted=$2 code=0 seen
    seen=$(venv/bin/python job.py "$job" 2>/dev/null) || code=$?
    seen="exit $code: $(echo $seen)"
    printf '%-8s %s\n' "$job" "$seen"
    [ "$seen" = "$wanted" ] || changed=1
}
check returns 'exit 0: in_progress ok'
check exits 'exit 0: in_progress error'
check clicks 'exit 0: in_progress error'
check fails 'exit 1: in_progress error'
check raises 'exit 1: in_progress error event'
exit "$changed"
