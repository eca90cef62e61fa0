/**
 * A command with an unpacked package laid over the machine's programs, in a mount namespace of its own. What it writes goes
 * into memory and is gone with it; /etc, /var, /run and /tmp are its own, and a folder shared with the caller is at /run/lab.
 */

export const SHARED = "/run/lab";

/**
 * $1 unpacked folder, $2 shared folder, then the command. The root is built from parts, for in a user namespace the machine's
 * / cannot be a lower folder: mounts below it are locked. The package is copied into a tmpfs, for a lower folder may not lie
 * within another one's file system tree.
 */
const RUNNER = `set -e
tree=$1 shared=$2; shift 2
o="$shared/.overlay"; mkdir -p "$o"
mount -t tmpfs -o mode=755 tmpfs "$o"
mkdir "$o/lower" "$o/upper" "$o/work" "$o/root"
cp -a --no-preserve=ownership "$tree/." "$o/lower/"
cd "$o/root"
mkdir -p usr etc proc dev sys run tmp root var/lib var/log var/cache var/tmp
for d in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$d" ]; then cp -P "/$d" .; elif [ -d "/$d" ]; then mkdir "$d"; mount --rbind "/$d" "$d"; fi
done
mkdir -p "$o/lower/usr"
mount -t overlay overlay -o "lowerdir=$o/lower/usr:/usr,upperdir=$o/upper,workdir=$o/work" usr
for f in passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d hosts services protocols localtime ssl; do
  if [ -e "/etc/$f" ]; then cp -aL --no-preserve=ownership "/etc/$f" etc/ 2>/dev/null || true; fi
done
for d in etc var; do if [ -d "$o/lower/$d" ]; then cp -a "$o/lower/$d/." "$d/"; fi; done
ln -s /run var/run
for d in proc dev sys; do mount --rbind "/$d" "$d"; done
chmod 1777 tmp
mkdir run/lab
mount --bind "$shared" run/lab
exec chroot . "$@"
`;

/** The command line that runs `argv` over `tree`; to be run as root of its (user) namespace. */
export function overlaid(tree: string, shared: string, argv: readonly string[]): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUNNER, "overlay", tree, shared, ...argv];
}
