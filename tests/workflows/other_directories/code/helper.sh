cat "$1"; basename "$(dirname "$1")"
