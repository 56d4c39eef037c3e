#!/bin/sh
# What this container is: portal | desk | worker | beat | migrate. Settings refuse what a process must not have.
set -eu

export PROCESS="${1:-}"
case "$PROCESS" in
portal | desk)
    # No access log (NEV-02): a respondent's link is a key, and an address tells where they are.
    exec gunicorn config.wsgi --bind 0.0.0.0:8000 --worker-class gthread --workers 2 --threads 4 \
        --worker-tmp-dir /dev/shm --no-control-socket
    ;;
worker)
    exec celery -A config worker --queues default,letters --concurrency 2 --loglevel INFO
    ;;
beat)
    exec celery -A config beat --schedule /tmp/beat --pidfile= --loglevel INFO
    ;;
migrate)
    for database in default vault keystore; do
        python manage.py migrate --no-input --database "$database"
    done
    python manage.py sql-roles --grant
    python manage.py keys init
    exec python manage.py intake_key ensure
    ;;
*)
    echo "Say which process this is: portal, desk, worker, beat or migrate." >&2
    exit 2
    ;;
esac
