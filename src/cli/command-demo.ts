import type { CommandModule } from "yargs";

export const demoCommand: CommandModule<object, { once: boolean }> = {
  command: "demo",
  describe: "Show a session, a route and a ping in network namespaces; leaves nothing behind",
  builder: (yargs) =>
    yargs.option("once", {
      type: "boolean",
      default: false,
      describe: "End when the ping has passed (so it does without a terminal)",
    }),
  handler: async (argv) => {
    const { runDemo } = await import("./demo.ts");
    await runDemo({ once: argv.once || !process.stdout.isTTY });
  },
};
