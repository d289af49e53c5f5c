#!/usr/bin/env bash
# Run the steps of Dockerfile and Apptainer.def in a bare Debian root, without a container program; needs root,
# debootstrap and a network.
#   test.sh FOLDER      an empty folder, or one that is not there; it is removed at the end
# BIND     folders of the host to be read in the root as well, separated by spaces (a local index of pip)
# CERTIFICATES  folder of certificates that the root trusts as well (those of a proxy)
# MIRROR   Debian's archive
set -euo pipefail
root=$(realpath -m "${1:?an empty folder}")
here=$(realpath "$(dirname "$0")/..")
MIRROR=${MIRROR:-http://deb.debian.org/debian}
export BIND=${BIND:-}

if [ "${IN_NAMESPACE:-}" != yes ]; then
  [ ! -e "$root" ] || [ -z "$(ls -A "$root")" ] || { echo "test.sh: $root is not empty" >&2; exit 2; }
  # What is mounted is seen by this process alone, and goes with it.
  status=0
  IN_NAMESPACE=yes unshare --mount --propagation private "$0" "$root" || status=$?
  rm -rf --one-file-system "$root"
  exit $status
fi

debootstrap --variant=minbase bookworm "$root" "$MIRROR" >/dev/null
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
if [ -n "${CERTIFICATES:-}" ]; then
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp "$CERTIFICATES"/*.crt "$root/usr/local/share/ca-certificates/"
fi
for folder in $BIND; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
  mount -o remount,bind,ro "$root$folder"  # Nothing that runs in the root changes the host.
done

# COPY . /usr/src/genescribe, as .dockerignore has it.
mkdir -p "$root/usr/src/genescribe"
tar -C "$here" --exclude-from="$here/.dockerignore" -cf - . | tar -C "$root/usr/src/genescribe" -xf -
chroot "$root" bash /usr/src/genescribe/containers/install.sh /usr/src/genescribe

# What a user types: the entry point, in another folder, without the sources.
rm -rf "$root/usr/src/genescribe"
mkdir -p "$root/data"
run() { chroot "$root" env -C /data PATH=/opt/genescribe/bin:/usr/bin:/bin HOME=/tmp genescribe "$@"; }
run simulate --parameters saccharomyces_cerevisiae --total-bases 30000 --n-sequences 1 \
  --output-fasta my.fa --output-gff3 true.gff3
run annotate my.fa --model yeast
run evaluate true.gff3 my.gff3
run run annotate --cores 1 --dry-run --config genome=my.fa
echo "test.sh: the image works"
