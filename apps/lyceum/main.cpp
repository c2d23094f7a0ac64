// The command `lyceum`: one verb a call. Data goes to standard output, everything else to standard error.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <new>

#include "apps/lyceum/app.h"
#include "apps/lyceum/processes.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "kernels/isa.h"

namespace {

int exit_status(lyceum::Errc code) {
  switch (code) {
    case lyceum::Errc::kUsage:
      return 2;
    case lyceum::Errc::kUnsupported:
      return 3;
    case lyceum::Errc::kInterrupted:
      return 130;
    default:
      return 1;
  }
}

void on_signal(int) {
  if (lyceum::interrupted()) std::_Exit(130);  // the second one does not wait
  lyceum::request_interrupt();
}

int complain(lyceum::Errc code, const char* message) {
  std::fflush(stdout);
  if (!lyceum::app::is_left_to_first(code, message)) std::fprintf(stderr, "lyceum: %s\n", message);
  return exit_status(code);
}

// The exit status.
int run(int argc, char** argv) {
  CLI::App app{"A reading list of language-model papers, executable on an ordinary CPU."};
  app.name("lyceum");
  app.set_version_flag("--version", "lyceum " LYCEUM_VERSION);
  app.require_subcommand(1);
  app.footer("`lyceum VERB --help` explains a verb, with an example.");
  try {
    using namespace lyceum;
    using namespace lyceum::app;
    for (const auto add :
         {add_embed,   add_rerank,          add_index,      add_search, add_cluster,  add_mine,
          add_fill,    add_classify,        add_tag,        add_answer, add_eval,     add_train,
          add_prepare, add_train_tokenizer, add_plot,       add_paper,  add_tokenize, add_detokenize,
          add_forward, add_convert,         add_bench,      add_pull,   add_list,     add_show,
          add_remove,  add_doctor,          add_completion, add_man})
      add(app);
    std::string verbs;
    bool is_verb = false;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
      verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
      is_verb |= argc > 1 && verb->get_name() == argv[1];
    }
    if (argc < 2 || (argv[1][0] != '-' && !is_verb))
      fail(Errc::kUsage, "found {}, expected one of the verbs: {}. Fix: `lyceum --help` says what they do.",
           argc < 2 ? "no verb" : fmt::format("the verb '{}'", argv[1]), verbs);
    app.parse(argc, argv);
    flush_output();
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    if (!lyceum::app::is_left_to_first(lyceum::Errc::kUsage, error.what())) app.exit(error);
    return is_help ? 0 : 2;
  } catch (const lyceum::Error& error) {
    return complain(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return complain(lyceum::Errc::kLimit, "there is not enough memory. Fix: a smaller batch or model.");
  } catch (const std::exception& error) {
    return complain(lyceum::Errc::kInternal, error.what());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {
  };  // not std::signal: a read that waits for the terminal must end, and std::signal starts it again
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  lyceum::set_log_sink([](lyceum::LogLevel, std::string_view line) {
    std::fprintf(stderr, "lyceum: %.*s\n", static_cast<int>(line.size()), line.data());
  });
  lyceum::app::remember_command_line(argc, argv);
  return lyceum::app::part(run(argc, argv));
}
