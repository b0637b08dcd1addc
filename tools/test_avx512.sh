#!/usr/bin/env bash
# The CPU kernels for AVX-512, with and without VNNI, on a machine that may have neither: test_avx512.sh [TEST...]
# Runs the tests of the CPU backend in Bochs, which emulates such a processor, under a Linux of its own. Installs on Debian what that needs; the
# kernel is only unpacked. Takes half an hour; build/avx512/serial.log tells how far it is.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=("$@")
((${#tests[@]})) || tests=(cpu_rows cpu_integer cpu_layers cpu_attention cpu_along cpu_image cpu_move cpu_functions cpu_elementwise conv)
processor=corei7_icelake_u
out=build/avx512
mkdir -p "$out/root" "$out/iso/isolinux"

packages=(bochs bochs-term bochsbios vgabios isolinux syslinux-common genisoimage busybox-static)
if ! dpkg-query -W "${packages[@]}" >/dev/null 2>&1; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends "${packages[@]}"
fi
if [ ! -e "$out/iso/vmlinuz" ]; then
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    (cd "$out" && apt-get download -q "$kernel" && dpkg -x "$kernel"_*.deb kernel)
    mv "$out"/kernel/boot/vmlinuz-* "$out/iso/vmlinuz"
    rm -rf "$out/kernel" "$out"/*.deb
fi

# What it boots: busybox, the tests, and the libraries that they are linked with.
root=$out/root
rm -rf "$root"
mkdir -p "$root/bin" "$root/proc" "$root/dev" "$root/tmp"
cp /bin/busybox "$root/bin/"
for test in "${tests[@]}"; do
    cp "$(find build/release/tests -name "test_$test" -type f)" "$root/bin/"
    ldd "$root/bin/test_$test" | grep -o '/[^ ]*' | xargs -I{} cp --parents -uL {} "$root"
done
cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
export CK_TIMEOUT_MULTIPLIER=1000 PERCEPT_TEST_ISAS=avx512,avx512-vnni
/bin/busybox grep -q avx512_vnni /proc/cpuinfo || echo "the emulated processor has no AVX-512 VNNI"
for test in ${tests[*]}; do
    /bin/test_\$test && echo "passed: \$test" || echo "failed: \$test"
done
echo "the end"
/bin/busybox poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$out/iso/initrd.gz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$out/iso/isolinux/"
# Linux takes no XSAVE at all if sizes disagree, and those that Bochs states for its compacted form (XSAVEC) do.
cat >"$out/iso/isolinux/isolinux.cfg" <<'BOOT'
DEFAULT test
PROMPT 0
LABEL test
 KERNEL /vmlinuz
 APPEND initrd=/initrd.gz console=ttyS0,115200 earlyprintk=serial,ttyS0,115200 mitigations=off tsc=reliable lpj=1000000 random.trust_cpu=on nokaslr audit=0 lsm=capability apparmor=0 nox2apic lapic=notscdeadline nopcid clearcpuid=xsavec,xsaves,pku,umip,fsrm,gfni,vaes,vpclmulqdq,sha_ni,rdpid
BOOT
genisoimage -quiet -R -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
    -o "$out/boot.iso" "$out/iso"
cat >"$out/bochsrc" <<BOCHS
cpu: model=$processor, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
display_library: term
ata0-master: type=cdrom, path=$PWD/$out/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$PWD/$out/serial.log
log: $out/bochs.log
clock: sync=none
speaker: enabled=0
BOCHS
echo c >"$out/commands"

echo "booting; $out/serial.log tells how far it is"
# Bochs wants a terminal, and is one keystroke from asking questions: it gets one of its own.
TERM=xterm script -qec "bochs -q -f $out/bochsrc -rc $out/commands" /dev/null </dev/null >"$out/screen.log" 2>&1 || true
grep -aE '^(passed|failed):|^[0-9]+%|:[FE]:|AVX-512' "$out/serial.log" || true
passed=$(grep -ac '^passed:' "$out/serial.log" || true)
echo "$passed passed, $((${#tests[@]} - passed)) failed"
grep -aq '^the end' "$out/serial.log" && ((passed == ${#tests[@]}))
