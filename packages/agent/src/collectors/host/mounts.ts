/**
 * Which file systems are mounted where, from /proc/PID/mountinfo.
 *
 * Only what a program would reach under a path is listed: a mount that another one covers isn't. systemd does that
 * with ProtectHome, which puts an empty tmpfs over /home.
 */

export interface Mount {
  readonly device: string;
  readonly path: string;
  readonly type: string;
}

interface MountInfo extends Mount {
  readonly id: string;
  readonly parent: string;
}

/** The mounts that are visible, in the kernel's order. Lines of another form are skipped. */
export function parseMounts(mountinfo: string): readonly Mount[] {
  const mounts = mountinfo.split("\n").flatMap(parseLine);
  return mounts
    .filter((mount) => isVisible(mount, mounts))
    .map(({ device, path, type }) => ({ device, path, type }));
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`: see proc(5). The optional fields end with `-`. */
function parseLine(line: string): MountInfo[] {
  const [before = "", after = ""] = line.split(" - ");
  const [id, parent, , , path] = before.split(" ").map(unescapeOctal);
  const [type, device] = after.split(" ").map(unescapeOctal);
  return id && parent && path && type && device ? [{ id, parent, path, type, device }] : [];
}

/** The kernel writes blanks and backslashes of a name as three octal digits. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A path leads to the topmost of the mounts on it, and never below a mount that is over one of its folders. */
function isVisible(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  const isCovered = mounts.some(
    ({ id, parent, path }) => id !== mount.id && parent === mount.id && path === mount.path,
  );
  return !isCovered && !isBelowAnother(mount, mounts);
}

/** Two mounts with one parent: the one nearer to the root came later, or the other would be mounted on it. */
function isBelowAnother(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  const isHidden = mounts.some(
    ({ id, parent, path }) => id !== mount.id && parent === mount.parent && isAbove(path, mount.path),
  );
  if (isHidden) return true;
  const parent = mounts.find(({ id }) => id === mount.parent && id !== mount.id);
  return parent !== undefined && isBelowAnother(parent, mounts);
}

function isAbove(path: string, other: string): boolean {
  return other !== path && other.startsWith(path.endsWith("/") ? path : `${path}/`);
}
