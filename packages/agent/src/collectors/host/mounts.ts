/**
 * The mounted file systems, from /proc/PID/mountinfo.
 *
 * Only mounts that a program can reach are listed, none that is hidden by another one. For example, systemd's ProtectHome
 * mounts an empty tmpfs over /home.
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

/** The visible mounts in the kernel's order. Invalid lines are skipped. */
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

/** The kernel escapes spaces and backslashes as three octal digits. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A mount is hidden by another one on the same path, or on a folder above it. */
function isVisible(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  const isCovered = mounts.some(
    ({ id, parent, path }) => id !== mount.id && parent === mount.id && path === mount.path,
  );
  return !isCovered && !isBelowAnother(mount, mounts);
}

/** Of two mounts with the same parent, the one on the shorter path came later: else the other would be mounted on it. */
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
