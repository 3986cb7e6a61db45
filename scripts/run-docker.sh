#!/usr/bin/env bash
# ./run.sh --docker: builds the images, starts them with docker compose, and classifies the pictures of a folder. Needs
# Docker with Compose v2, and curl; no Node.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

fail() {
  echo "run.sh: $*" >&2
  exit 1
}

is_building=1 is_starting=1 is_testing=1
for argument in "$@"; do
  case $argument in
    --docker) ;;
    --skip-build) is_building=0 ;;
    --skip-start) is_starting=0 ;;
    --skip-test) is_testing=0 ;;
    *)
      echo "run.sh: unknown argument '$argument' beside --docker; see ./run.sh --help" >&2
      exit 2
      ;;
  esac
done

# It may be several words, such as "sudo docker".
read -ra docker <<<"${DOCKER:-docker}"
data_dir="${DATA_DIR:-$root/data}"
ready_timeout_s="${READY_TIMEOUT:-180}"

# From there it finds .env and docker-compose.override.yml as well.
compose() {
  (cd "$root" && "${docker[@]}" compose "$@")
}

require_engine() {
  command -v "${docker[0]}" >/dev/null || fail "${docker[0]} is not installed: https://docs.docker.com/engine/install/"
  "${docker[@]}" compose version >/dev/null 2>&1 || fail "${docker[*]} has no Compose v2: https://docs.docker.com/compose/install/"
  "${docker[@]}" version >/dev/null 2>&1 ||
    fail "no Docker engine answers. Is it running, and may you use it? '${docker[*]} version' says more"
}

start() {
  # In the foreground first: a download shows how far it is, and a failure its reason.
  compose run --rm --no-deps -T model ||
    fail 'there are no weights to serve (see above). MODEL_DIR=<folder> ./run.sh --docker takes <folder>/<model>/model.onnx'
  compose up --no-build --detach || fail 'the containers did not start (see above)'
}

# Prints where the pictures are sent: what was asked for, or where compose has published the port, which may be in .env.
find_address() {
  local address="${SERVER_ADDR:-}"
  if [[ -z $address ]]; then address="$(compose port entry 5000 2>/dev/null || true)"; fi
  address="${address:-${PORT:-5000}}"
  [[ $address == *:* ]] || address="127.0.0.1:$address"
  address="${address/#0.0.0.0:/127.0.0.1:}"
  [[ $address == *://* ]] || address="http://$address"
  echo "${address%/}"
}

is_ready() {
  curl --silent --fail --output /dev/null --max-time 5 "$address/readyz"
}

wait_until_ready() {
  local ends_at=$((SECONDS + ready_timeout_s)) told_at=$SECONDS
  until is_ready; do
    if ((SECONDS >= ends_at)); then
      fail "$address is not ready after $ready_timeout_s s: '${docker[*]} compose ps' and '… logs' say more"
    fi
    if ((SECONDS - told_at >= 10)); then
      echo "Waiting until $address is ready"
      told_at=$SECONDS
    fi
    sleep 1
  done
}

# Prints the name of a picture, the status line and the answer; fails unless it was answered with a class.
classify() {
  # An empty array counts as unset before bash 4.4, and macOS has 3.2.
  local answer headers=()
  [[ -z ${API_KEY:-} ]] || headers=(--header "Authorization: Bearer $API_KEY")
  echo "${1##*/}"
  # The name is not sent: curl would read a ; or , in it as its own.
  answer="$(curl --silent --show-error --http1.1 --include --header 'Expect:' ${headers[@]+"${headers[@]}"} \
    --form 'file=@-;filename=picture' "$address/" <"$1" | tr -d '\r')" || {
    printf 'no answer\n\n'
    return 1
  }
  printf '%s\n%s\n' "${answer%%$'\n'*}" "${answer#*$'\n\n'}"
  [[ $answer != *$'\n'[Mm]enagerie-[Tt]rained:\ false* ]] || echo '(untrained stand-in: this answer means nothing)'
  echo
  [[ $answer == 'HTTP/1.1 200 '* ]]
}

classify_all() {
  local pictures answered=0 picture
  shopt -s nullglob nocaseglob
  pictures=("$data_dir"/*.{jpg,jpeg,png,webp,gif,avif})
  shopt -u nocaseglob
  if ((${#pictures[@]} == 0)); then
    echo "No pictures in $data_dir: put some there, or set DATA_DIR"
    return
  fi
  for picture in "${pictures[@]}"; do
    if classify "$picture"; then answered=$((answered + 1)); fi
  done
  local noun=pictures
  if ((${#pictures[@]} == 1)); then noun=picture; fi
  echo "${#pictures[@]} $noun, $answered answered"
  ((answered == ${#pictures[@]}))
}

((!is_building && !is_starting)) || require_engine
if ((is_building)); then compose build || fail 'the images could not be built (see above)'; fi
if ((is_starting)); then start; fi
address="$(find_address)"
status=0
if ((is_testing)); then
  command -v curl >/dev/null || fail 'curl is needed to send the pictures; --skip-test does without'
  wait_until_ready
  classify_all || status=1
fi
if ((is_starting)); then
  echo "Serving on $address. To see what it does: ${docker[*]} compose logs --follow. To stop it: ${docker[*]} compose down"
fi
exit "$status"
