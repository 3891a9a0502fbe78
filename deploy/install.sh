#!/bin/sh
# Installs or updates the agent as a service of systemd:   sudo sh deploy/install.sh [PACKAGE]
# PACKAGE is what npm takes: chouette-iot (the default), chouette-iot@0.2.0, or a tarball. Needs Node 20.19 or later.
# Writes /usr/local/lib/node_modules/chouette-iot, /usr/local/bin/chouette, /etc/chouette/environment (if it isn't there) and
# /etc/systemd/system/chouette.service. With ROOT=FOLDER, everything goes below that folder, and no service is started.
set -eu
package=${1:-chouette-iot}
root=${ROOT:-}

fail() { echo "$*" >&2; exit 1; }
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "run this as root"
node=$(command -v node) || fail "install Node 20.19 or later first"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
  fail "$node is $(node --version); the agent needs Node 20.19 or later"
case $(readlink -f "$node") in
  "$HOME"/*) [ -n "$root" ] || fail "$node is in a home folder, where a service can't run it; install Node for the system" ;;
esac

npm install --global --prefix "$root/usr/local" --no-audit --no-fund --ignore-scripts "$package"

umask 077
mkdir -p "$root/etc/chouette"
chmod 755 "$root/etc/chouette"
[ -e "$root/etc/chouette/environment" ] || echo '#API_KEY=' >"$root/etc/chouette/environment"

umask 022
mkdir -p "$root/etc/systemd/system"
sed 's|/usr/bin/chouette|/usr/local/bin/chouette|' "$root/usr/local/lib/node_modules/chouette-iot/chouette.service" \
  >"$root/etc/systemd/system/chouette.service"

if [ -z "$root" ]; then
  systemctl daemon-reload
  systemctl enable chouette
  systemctl restart chouette
fi
echo "The agent is installed. Its key: API_KEY=… in $root/etc/chouette/environment, then systemctl restart chouette"
