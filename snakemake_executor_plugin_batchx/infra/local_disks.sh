#!/bin/bash
# Puts Docker's data, /scratch and batchx's cache of files on the instance's own NVMe disks.
# Several are joined (RAID 0). Without any, or where that fails, all of it stays on the root volume.
# cloud-init runs this at each boot, before Docker and the ECS agent start, so it never fails.
set -uo pipefail

pool=/mnt/batchx
folders=(/var/lib/docker /var/lib/containerd /var/lib/batchx-cache /scratch)

say() {
  echo "batchx: $*" >&2
}

mkdir -p /scratch /var/lib/batchx-cache
chmod 1777 /scratch

mapfile -t disks < <(
  lsblk --nodeps --noheadings --output PATH,MODEL |
    awk '/Amazon EC2 NVMe Instance Storage/ { print $1 }'
)
if [ ${#disks[@]} -eq 0 ] || mountpoint --quiet "$pool"; then
  exit 0
fi

# Prints the arrays that the kernel has made of any of the disks, as type and path.
list_arrays() {
  lsblk --list --noheadings --output TYPE,PATH "${disks[@]}" | awk '$1 ~ /^(raid|md)/' | sort -u
}

# Sets device to one array of all disks: that which is active, that which was there, or a new one.
join_disks() {
  local array=/dev/md/batchx kind path
  while read -r kind path; do
    # After a reboot udev has assembled it, under a name of its own choice.
    if [ "$kind" = raid0 ]; then
      device=$path
      return
    fi
    # Half of it, without a level, keeps the disks busy.
    mdadm --stop "$path"
  done < <(list_arrays)
  if mdadm --assemble "$array" "${disks[@]}" ||
    mdadm --create "$array" --run --force --level=0 --raid-devices=${#disks[@]} "${disks[@]}"; then
    device=$array
    return
  fi
  return 1
}

device=${disks[0]}
if [ ${#disks[@]} -gt 1 ]; then
  if ! command -v mdadm && ! dnf --quiet --assumeyes install mdadm; then
    say "mdadm cannot be installed, so only $device of ${disks[*]} is used"
  elif ! join_disks; then
    say "${disks[*]} cannot be joined, so all stays on the root volume"
    exit 0
  fi
fi

# After a reboot it is formatted already, and holds images.
mkdir -p "$pool"
if ! blkid "$device" && ! mkfs.xfs -f -K "$device"; then
  say "$device cannot be formatted, so all stays on the root volume"
  exit 0
fi
if ! mount --options noatime "$device" "$pool"; then
  say "$device cannot be mounted, so all stays on the root volume"
  exit 0
fi

was_running=
if systemctl is-active --quiet docker; then
  was_running=yes
  systemctl stop docker.socket docker containerd
fi
for folder in "${folders[@]}"; do
  mkdir -p "$pool$folder" "$folder"
  mount --bind "$pool$folder" "$folder" || say "$folder stays on the root volume"
done
chmod 1777 /scratch
if [ "$was_running" ]; then
  systemctl start docker
fi
exit 0
