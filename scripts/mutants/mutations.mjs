/** The small changes to a source: conditions, boundaries, statements, awaits and constants. */
import { parseSync } from "rolldown/experimental";

const OPERATORS = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
};
/** Messages for people needn't be tested. */
const IS_LOGGING = /^(this\.)?#?(options\.)?log\.\w+\(/;

/** Each as the text to find at a place, what to put there, and the line. */
export function mutationsOf(source) {
  const { program } = parseSync("source.ts", source);
  const found = [];
  const add = (node, replace, what) => {
    const find = source.slice(node.start, node.end);
    const line = source.slice(0, node.start).split("\n").length;
    const shown = (text) => text.replace(/\s+/g, " ").slice(0, 70);
    found.push({ at: node.start, find, replace, line, what: `${what}: ${shown(find)}` });
  };
  visit(program, (node) => mutate(node, source, add));
  return found;
}

function mutate(node, source, add) {
  const text = ({ start, end }) => source.slice(start, end);
  switch (node.type) {
    case "IfStatement":
    case "WhileStatement":
    case "ConditionalExpression":
      return add(node.test, `!(${text(node.test)})`, "negated");
    case "ForStatement":
      return node.test ? add(node.test, `!(${text(node.test)})`, "negated") : undefined;
    case "BinaryExpression":
    case "LogicalExpression": {
      const operator = OPERATORS[node.operator];
      if (operator === undefined || isText(node)) return undefined;
      const between = source.slice(node.left.end, node.right.start).replace(node.operator, operator);
      return add(node, text(node.left) + between + text(node.right), `${node.operator} to ${operator}`);
    }
    case "AwaitExpression":
      return add(node, text(node.argument), "not awaited");
    case "ExpressionStatement":
      return IS_LOGGING.test(text(node)) || node.directive ? undefined : add(node, ";", "deleted");
    case "ContinueStatement":
    case "BreakStatement":
    case "ThrowStatement":
      return add(node, ";", "deleted");
    case "ReturnStatement":
      return node.argument ? undefined : add(node, ";", "deleted");
    case "Literal":
      if (typeof node.value === "boolean") return add(node, `${!node.value}`, "flipped");
      if (typeof node.value === "number") return add(node, node.value === 0 ? "1" : "0", "constant");
      return undefined;
    default:
      return undefined;
  }
}

/** Texts are joined by +, too. */
function isText({ operator, left, right }) {
  const isString = (node) => node.type === "TemplateLiteral" || typeof node.value === "string";
  return operator === "+" && (isString(left) || isString(right));
}

/** Everything that runs: types, names and imports are left out. */
function visit(node, see) {
  if (Array.isArray(node)) {
    for (const one of node) visit(one, see);
    return;
  }
  if (typeof node !== "object" || node === null || typeof node.type !== "string") return;
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") return;
  const isExpression = "expression" in node && /^TS(As|NonNull|Satisfies|Instantiation)/.test(node.type);
  if (node.type.startsWith("TS") && !isExpression) return;
  if (isExpression) return visit(node.expression, see);
  see(node);
  for (const [name, value] of Object.entries(node)) {
    if (name !== "type" && !/^type(Annotation|Parameters|Arguments)$|^returnType$/.test(name))
      visit(value, see);
  }
}
