#!/usr/bin/env bash
# lintian 2.116 counts a tag that is overridden as a failure as soon as the option that shows it is given: `--show-overrides` looks
# like a matter of output, and turns the exit code of `--fail-on error,warning` from 0 to 2, with not one E: or W: line to explain it.
# A pipeline that fails on warnings and shows what it forgives is red for what it forgives. (`--fail-on error` alone stays 0 here,
# since the tag is a warning.) Show them in a second run, whose exit code is not looked at. Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
mkdir packages && cd packages
# perl and what every Debian has is taken from the machine.
every='^(libc6|libgcc|gcc|dpkg|perl-base|perl$|libperl|perl-modules|coreutils|tar|base|libc-bin|binutils|man-db|gettext|file$)'
apt-cache depends --recurse --no-{recommends,suggests,conflicts,breaks,replaces,enhances} lintian | grep '^[a-z]' | grep -vE "$every" |
    grep -v '^lintian$' | sort -u | xargs apt-get download -qq || { echo "cannot download what lintian depends on" >&2; exit 2; }
apt-get download -qq lintian=2.116.3+deb12u1 || { echo "cannot download lintian" >&2; exit 2; }
for package in *.deb; do dpkg -x "$package" ../root; done
cd ..
export PERL5LIB=$folder/root/usr/share/perl5:$(echo "$folder"/root/usr/lib/*-linux-gnu/perl5/5.36) PATH=$folder/root/usr/bin:$PATH LC_ALL=C

# A package with one warning, no-manual-page, and its override.
mkdir -p tree/DEBIAN tree/usr/bin tree/usr/share/doc/shown tree/usr/share/lintian/overrides
printf '#!/bin/sh\nexit 0\n' >tree/usr/bin/shown && chmod 755 tree/usr/bin/shown
cat >tree/DEBIAN/control <<'CONTROL'
Package: shown
Version: 1
Architecture: all
Maintainer: Somebody <somebody@example.com>
Section: misc
Priority: optional
Installed-Size: 12
Description: package with one warning
 It has a command without a page.
CONTROL
cat >tree/usr/share/doc/shown/copyright <<'COPYRIGHT'
Copyright: 2026 somebody
License: public-domain
COPYRIGHT
gzip -9n >tree/usr/share/doc/shown/changelog.gz <<'CHANGELOG'
shown (1) unstable; urgency=low

  * Closes: #1

 -- Somebody <somebody@example.com>  Sun, 01 Mar 2026 00:00:00 +0000
CHANGELOG
echo 'shown: no-manual-page' >tree/usr/share/lintian/overrides/shown
chmod -R u=rwX,go=rX tree
dpkg-deb --root-owner-group --build tree shown.deb >/dev/null

lintian --version
echo 'guess:     a forgiven warning is no failure, shown or not'
echo 'behaviour: shown, it is one'
changed=0
check() {
    local wanted=$1 code=0
    shift
    lintian --allow-root --tags no-manual-page "$@" shown.deb >output 2>&1 || code=$?
    printf '%-42s exit %s  %s\n' "$*" "$code" "$(tr '\n' ' ' <output)"
    [ "$code" = "$wanted" ] || changed=1
}
check 0 --fail-on error,warning
check 2 --fail-on error,warning --show-overrides
check 0 --fail-on error --show-overrides
exit "$changed"
