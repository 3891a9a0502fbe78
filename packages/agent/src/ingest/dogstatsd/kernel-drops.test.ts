import { expect, test } from "vitest";
import { kernelDrops, kernelInode } from "./kernel-drops.js";

// As a kernel of 6.1 wrote it.
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  411: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 18234 2 0000000000000000 4711
  412: 00000000:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 18235 2 0000000000000000 3
`;
const UDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1237: 00000000000000000000000001000000:1FBD 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0 12
 1238: B80D0120000000000000000001000000:1FBD 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0 13
`;

test("the kernel's drops and inode are those of the socket with this address and port", () => {
  expect(kernelDrops(UDP, "127.0.0.1", 8125)).toBe(4711);
  expect(kernelDrops(UDP, "0.0.0.0", 8125)).toBe(3);
  expect(kernelDrops(UDP6, "::1", 8125)).toBe(12);
  expect(kernelDrops(UDP6, "2001:db8::1", 8125)).toBe(13);
  expect(kernelDrops(UDP, "127.0.0.1", 8126)).toBeUndefined();
  expect(kernelDrops("", "127.0.0.1", 8125)).toBeUndefined();
  expect(kernelInode(UDP, "127.0.0.1", 8125)).toBe(18_234);
  expect(kernelInode(UDP6, "::1", 8125)).toBe(9);
});
