/** `chouette completion`: prints a script with which a shell completes commands and options. */
import { Argument, type Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;

const HELP = `
  bash  $ chouette completion bash > /etc/bash_completion.d/chouette
  zsh   $ chouette completion zsh > "\${fpath[1]}/_chouette"
  fish  $ chouette completion fish > ~/.config/fish/completions/chouette.fish`;

interface Words {
  /** Such as `queue peek`; empty for the command itself. */
  readonly path: string;
  readonly description: string;
  readonly words: readonly string[];
}

export function registerCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a script with which a shell completes commands and options")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText("after", HELP)
    .action((shell: (typeof SHELLS)[number]) => {
      const tree = wordsOf(program, "");
      process.stdout.write(shell === "fish" ? fishScript(tree) : shellScript(tree, shell));
    });
}

/** The words that can follow each command: its subcommands, the choices of its arguments, its options. */
function wordsOf(command: Command, path: string): readonly Words[] {
  const words = [
    ...command.commands.map((sub) => sub.name()),
    ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
    ...command.options.flatMap(({ long }) => long ?? []),
    "--help",
  ];
  const below = command.commands.flatMap((sub) => wordsOf(sub, `${path} ${sub.name()}`.trim()));
  return [{ path, description: command.description(), words }, ...below];
}

/** One script for both shells: zsh has bash's `complete`. */
function shellScript(tree: readonly Words[], shell: "bash" | "zsh"): string {
  const cases = tree.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`);
  const compatible = shell === "zsh" ? "#compdef chouette\nautoload -Uz bashcompinit && bashcompinit\n" : "";
  return `${compatible}_chouette() {
  local word words path=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
${tree
  .filter(({ path }) => path !== "")
  .map(({ path }) => `      "${path}") path="${path}" ;;`)
  .join("\n")}
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _chouette chouette
`;
}

function fishScript(tree: readonly Words[]): string {
  const lines = tree.flatMap(({ path, words }) => {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((name) => `__fish_seen_subcommand_from ${name}`)
            .join("; and ");
    return words.map((word) => {
      const how = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c chouette -n "${condition}" ${how}`;
    });
  });
  return `complete -c chouette -f\n${lines.join("\n")}\n`;
}
