/** The JSON Schema of `chouette.yaml` for editors: generated from the table of settings, shipped with the package. */
import { z } from "zod";
import { fileKey, type Setting } from "./setting.js";
import { SECTIONS } from "./settings.js";

type JsonSchema = Readonly<Record<string, unknown>>;

/** The schema of a setting's value in the file. */
function valueSchema({ schema }: Setting<unknown, unknown>): JsonSchema {
  // The parsed value has the form that people write. If its form is unknown, it is a text or a number.
  const { $schema, ...value } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  const form = Object.keys(value).length === 0 ? { type: ["string", "number"] } : value;
  return form.type === "array" ? { ...form, type: ["array", "string"] } : form;
}

/** Whether the setting's value in the file may be a list or an object. */
export function takesCollection(setting: Setting<unknown, unknown>): boolean {
  const { type } = valueSchema(setting);
  return [type].flat().some((name) => name === "array" || name === "object");
}

export function settingsSchema(): JsonSchema {
  const settings = SECTIONS.flatMap((section) => Object.values(section.settings));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "chouette.yaml",
    description: "The settings of the Chouette agent. Environment variables take precedence.",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(settings.map((setting) => [fileKey(setting), property(setting)])),
  };
}

function property(setting: Setting<unknown, unknown>): JsonSchema {
  const { about, default: value, defaultText, names } = setting;
  const isPlain = defaultText === undefined && value !== undefined && !isAddress(value);
  return {
    description: `${about}. In the environment: ${names.join(", ")}.`,
    ...(isPlain ? { default: value } : {}),
    ...valueSchema(setting),
  };
}

/** An address is written as a text but parsed to an object. */
function isAddress(value: unknown): boolean {
  return typeof value === "object" && value !== null && "port" in value;
}
