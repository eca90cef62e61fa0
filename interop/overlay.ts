/**
 * A command with an unpacked package laid over the machine's root, in a mount namespace of its own. What it writes goes
 * into memory and is gone with it; /run and /tmp are its own, and a folder shared with the caller is at /run/lab.
 */

export const SHARED = "/run/lab";

/**
 * $1 unpacked folder, $2 shared folder, then the command. The folder is copied into a tmpfs because overlayfs refuses lower
 * folders of which one contains the other, and the lower one here is /.
 */
const RUNNER = `set -e
tree=$1 shared=$2; shift 2
o="$shared/.overlay"; mkdir -p "$o"
mount -t tmpfs -o mode=755 tmpfs "$o"
mkdir "$o/lower" "$o/upper" "$o/work" "$o/root"
cp -a --no-preserve=ownership "$tree/." "$o/lower/"
mount -t overlay overlay -o "lowerdir=$o/lower:/,upperdir=$o/upper,workdir=$o/work" "$o/root"
for d in proc dev sys; do mount --rbind "/$d" "$o/root/$d"; done
mount -t tmpfs -o mode=755 tmpfs "$o/root/run"
mount -t tmpfs -o mode=1777 tmpfs "$o/root/tmp"
mkdir "$o/root/run/lab"
mount --bind "$shared" "$o/root/run/lab"
exec chroot "$o/root" "$@"
`;

/** The command line that runs `argv` over `tree`; to be run as root of its (user) namespace. */
export function overlaid(tree: string, shared: string, argv: readonly string[]): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUNNER, "overlay", tree, shared, ...argv];
}
