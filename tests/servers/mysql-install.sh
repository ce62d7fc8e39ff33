#!/usr/bin/env bash
# Real MySQL for tests, without installing it: mysql-install.sh DIR
#
# Debian has it in unstable only. Fetches its server and client with all libraries, libc too, from the Debian mirror that
# this machine's own apt is set up with, checks them by Debian's own keys, and unpacks them into DIR/root. Nothing of the
# system is touched; without root too. Which version that is changes with unstable.
set -euo pipefail
[ $# = 1 ] || { echo "usage: mysql-install.sh DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
[ ! -s "$dir/complete" ] || exit 0
refuse() { echo "$*" >&2; exit 3; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || refuse "MySQL is fetched from Debian: no apt-get here"
[ "$(dpkg --print-architecture)" = amd64 ] || refuse "MySQL is fetched for amd64 only"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || refuse "no $keys here: nothing could be checked"
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | grep -m1 '/debian/\?$') ||
  refuse "apt's sources name no Debian mirror"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,archives}/partial
: >"$work/status"
echo "deb [signed-by=$keys] $mirror sid main" >"$work/sources.list"
own=(-q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists"
  -o Dir::Cache::archives="$work/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o Dir::State::status="$work/status" -o Debug::NoLocking=1)
[ "$(id -u)" != 0 ] || own+=(-o APT::Sandbox::User=root)
apt-get "${own[@]}" update >"$work/log" 2>&1 || refuse "$(tail -n 2 "$work/log")"
apt-get "${own[@]}" -y --no-install-recommends --download-only install mysql-server-core mysql-client-core >"$work/log" 2>&1 ||
  refuse "$(tail -n 2 "$work/log")"
rm -rf "$dir/root"
mkdir "$dir/root"
for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
rm -rf "$dir"/root/usr/share/{doc,man,locale,perl,perl5} "$dir"/root/usr/lib/x86_64-linux-gnu/perl*
date >"$dir/complete"
