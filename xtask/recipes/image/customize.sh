#!/bin/sh
# Finishes the image's root directory, given as $1: who it is, how it reaches the network, and no unit that a
# machine without users, mail or updates would wait for.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1
cd "$root"

echo debian >etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >etc/hosts
cat >etc/fstab <<'FSTAB'
LABEL=debian-root / ext4 rw,relatime 0 0
FSTAB

# Every port that has a link, whatever the firmware calls it, known to the DHCP server by its address.
cat >etc/systemd/network/80-dhcp.network <<'NETWORK'
[Match]
Name=en* eth*
[Link]
RequiredForOnline=no
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
ClientIdentifier=mac
UseDomains=no
NETWORK
chroot . systemctl -q enable systemd-networkd.service
chroot . systemctl -q disable systemd-networkd-wait-online.service
chroot . systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer getty@tty1.service systemd-pstore.service systemd-network-generator.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-hwdb-update.service \
    systemd-journal-flush.service systemd-random-seed.service systemd-rfkill.socket modprobe@drm.service \
    modprobe@dm_mod.service modprobe@loop.service modprobe@fuse.service modprobe@configfs.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-mqueue.mount dev-hugepages.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount

# A login over SSH makes the host's key the first time, so that no two machines have the same one.
rm -f etc/ssh/ssh_host_*
mkdir -p etc/systemd/system/ssh@.service.d etc/ssh/sshd_config.d
cat >etc/systemd/system/ssh@.service.d/host-key.conf <<'UNIT'
[Service]
ExecStartPre=/bin/sh -c 'test -e /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key'
UNIT
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\n' >etc/ssh/sshd_config.d/slipway.conf
chroot . systemctl -q disable ssh.service
chroot . systemctl -q enable ssh.socket

# Empty, not missing: each machine makes its own at its first start, without the rest of a first start.
: >etc/machine-id
rm -f var/lib/dbus/machine-id
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/*.log var/log/apt boot/initrd.img* initrd.img* usr/share/doc/* \
    usr/share/man/* usr/share/locale/* usr/share/info/*

# No server boots this image with drivers for these; leaving them out saves a seventh of what is written.
cd lib/modules/*/kernel
rm -rf drivers/infiniband drivers/comedi drivers/target fs/xfs fs/btrfs fs/ceph fs/smb fs/nfs fs/nfsd net/sctp net/tipc \
    net/smc net/rds net/dccp net/ceph
chroot "$root" depmod "$(basename "$(dirname "$PWD")")"
