#!/bin/bash
# Holds several machines on one, until its stdin ends: machines.sh FOLDER [!]NAME... (with !: connected to nothing).
# Runs as the first process of new namespaces of processes, mounts and network, so that all of it ends with this program.
set -eu
# As the machine around sees it.
read -r pid _ < /proc/self/stat
folder=$1
shift
mount -t proc proc /proc

ip link add lan type bridge
ip addr add 10.77.0.254/24 dev lan
ip link set lan up
echo 127.0.0.1 localhost > "$folder/hosts"
# Nobody answers there, and says so at once.
echo nameserver 127.0.0.1 > "$folder/resolv.conf"
number=0
for word in "$@"; do
  number=$((number + 1))
  echo "10.77.0.$number ${word#!}" >> "$folder/hosts"
done

holders=""
number=0
for word in "$@"; do
  number=$((number + 1))
  name=${word#!}
  # Its first process takes what others leave behind.
  unshare --net --uts --mount --pid --fork --mount-proc bash -c 'sleep infinity & wait' &
  until holder=$(cat "/proc/$!/task/$!/children" | tr -d ' ') && [ -n "$holder" ] && [ "$(cat "/proc/$holder/comm")" = bash ]; do
    sleep 0.01
  done
  on() { nsenter --target "$holder" --net --uts --mount --pid -- "$@"; }
  mkdir "$folder/$name"
  on hostname "$name"
  on mount -t tmpfs shm /dev/shm
  on mount --bind "$folder/hosts" /etc/hosts
  on mount --bind "$folder/resolv.conf" /etc/resolv.conf
  on ip link set lo up
  if [ "$word" = "$name" ]; then
    ip link add "port$number" type veth peer name eth0 netns "$holder"
    ip link set "port$number" master lan up
    on ip addr add "10.77.0.$number/24" dev eth0
    on ip link set eth0 up
    on ip route add default via 10.77.0.254
  fi
  holders="$holders $name=$holder"
done
echo "$pid$holders"
cat > /dev/null
