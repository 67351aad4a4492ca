// How the programs' --help looks.
#ifndef EARSHOT_PLATFORM_CLI_HELP_FORMATTER_H_
#define EARSHOT_PLATFORM_CLI_HELP_FORMATTER_H_

namespace CLI {
class App;
}

namespace earshot::cli {

// Options as "-t,--threads N [2]": what to give, and the default. To be set before subcommands are added,
// which inherit it.
void SetHelpFormatter(CLI::App& app);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_HELP_FORMATTER_H_
