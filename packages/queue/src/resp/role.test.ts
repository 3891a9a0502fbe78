import { expect, test } from "vitest";
import { ErrorReply, type Reply } from "./resp.js";
import { checkIsMaster, isReplaced } from "./role.js";

const refused = new ErrorReply("NOPERM this user has no permissions");
const unknown = new ErrorReply("ERR unknown command 'HELLO'");
const hello = (role: string): Reply => ["server", "redis", "proto", 2, "mode", "standalone", "role", role];

test("the role is taken from the command that the server knows and allows", () => {
  const check = (...replies: Reply[]) => {
    return () => checkIsMaster(replies);
  };
  expect(check(hello("master"), refused)).not.toThrow();
  expect(check(unknown, ["master", 0, []])).not.toThrow();
  expect(check(hello("replica"), refused)).toThrow("it is no master but a replica");
  expect(check(unknown, ["slave", "h", 1])).toThrow("it is no master but a slave");
  expect(check(unknown, ["sentinel", []])).toThrow("it is no master but a sentinel");
  // A replica that says nothing still refuses to be written to.
  expect(check(unknown, refused)).not.toThrow();
});

test("the refusal of a replica or a Cluster's former master is recognised, in a script's error as well", () => {
  expect(isReplaced(new Error("READONLY You can't write against a read only replica."))).toBe(true);
  expect(isReplaced(new Error("ERR Error running script: @user_script: 38: -READONLY You can't write"))).toBe(
    true,
  );
  expect(isReplaced(new Error("MOVED 866 127.0.0.1:7001"))).toBe(true);
  expect(isReplaced(new Error("CLUSTERDOWN Hash slot not served"))).toBe(true);
  // The slot is still being moved: this server has it until then.
  expect(isReplaced(new Error("ASK 866 127.0.0.1:7001"))).toBe(false);
  expect(isReplaced(new Error("TRYAGAIN Multiple keys request during rehashing of slot"))).toBe(false);
  expect(isReplaced(new Error("OOM command not allowed"))).toBe(false);
});
