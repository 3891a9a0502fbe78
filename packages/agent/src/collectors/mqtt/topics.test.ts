import { describe, expect, it } from "vitest";
import { topicMetric } from "./topics.js";

describe("a topic of $SYS", () => {
  it("is a metric with its number, 0 too, whatever unit stands behind it", () => {
    expect(topicMetric("$SYS/broker/uptime", "3600 seconds")).toEqual({
      name: "Chouette.mqtt.uptime",
      type: "gauge",
      value: 3_600,
    });
    expect(topicMetric("$SYS/broker/publish/messages/dropped", "0")?.value).toBe(0);
  });

  it("is none where it is not known, or says no number", () => {
    expect(topicMetric("$SYS/broker/version", "mosquitto version 2.0.11")).toBeUndefined();
    expect(topicMetric("$SYS/broker/uptime", "for ever")).toBeUndefined();
  });
});
