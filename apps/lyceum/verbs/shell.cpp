// completion and man: what the options say of themselves, in the forms of shells and of man.
#include <CLI/CLI.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"

namespace lyceum::app {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  std::vector<const CLI::App*> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(verb);
  return verbs;
}

std::vector<std::string> switches_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs_of(app)) names.push_back(verb->get_name());
  return joined(names);
}

void print_bash(const CLI::App& app) {
  print_line("_lyceum() {");
  print_line(R"(  local word="${COMP_WORDS[COMP_CWORD]}" verb="" i)");
  print_line("  for ((i = 1; i < COMP_CWORD; ++i)); do");
  print_line(R"(    if [[ ${COMP_WORDS[i]} != -* ]]; then verb="${COMP_WORDS[i]}"; break; fi)");
  print_line("  done");
  print_line("  COMPREPLY=()");
  print_line("  case \"$verb\" in");
  print_line(fmt::format("    \"\") COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$word\")) ;;",
                         verb_names(app)));
  for (const CLI::App* verb : verbs_of(app))
    print_line(fmt::format("    {}) [[ $word == -* ]] && COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;",
                           verb->get_name(), joined(switches_of(*verb))));
  print_line("  esac");
  print_line("  return 0");
  print_line("}");
  print_line("complete -o default -F _lyceum lyceum");
}

void print_zsh(const CLI::App& app) {
  print_line("#compdef lyceum");
  print_line("_lyceum() {");
  print_line(fmt::format("  if (( CURRENT == 2 )); then compadd -- {} --help --version; return; fi",
                         verb_names(app)));
  print_line("  if [[ $PREFIX != -* ]]; then _files; return; fi");
  print_line("  case ${words[2]} in");
  for (const CLI::App* verb : verbs_of(app))
    print_line(fmt::format("    {}) compadd -- {} ;;", verb->get_name(), joined(switches_of(*verb))));
  print_line("  esac");
  print_line("}");
  print_line(
      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _lyceum \"$@\"; else compdef _lyceum lyceum; fi");
}

std::string fish_quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return "'" + out + "'";
}

void print_fish(const CLI::App& app) {
  for (const CLI::App* verb : verbs_of(app)) {
    print_line(fmt::format("complete -c lyceum -n __fish_use_subcommand -a {} -d {}", verb->get_name(),
                           fish_quoted(verb->get_description())));
    for (const CLI::Option* option : verb->get_options())
      for (const std::string& name : option->get_lnames())
        print_line(fmt::format("complete -c lyceum -n '__fish_seen_subcommand_from {}' -l {}{} -d {}",
                               verb->get_name(), name, option->get_items_expected_max() > 0 ? " -r" : "",
                               fish_quoted(option->get_description())));
  }
}

// A line of text for roff: no control lines, no escapes.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (out.empty() && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

void print_man(const CLI::App& app) {
  print_line(".TH LYCEUM 1 \"\" \"lyceum " LYCEUM_VERSION "\" \"User Commands\"");
  print_line(".SH NAME\nlyceum \\- language models of papers on an ordinary CPU");
  print_line(".SH SYNOPSIS\n.B lyceum\n.I VERB\n.RI [ MODEL ]\n.RI [ TEXT... ]\n.RI [ OPTION... ]");
  print_line(".SH DESCRIPTION\n" + roff(app.get_description()));
  print_line(
      ".PP\n" +
      roff(
          "MODEL is a folder (Hugging Face or sentence-transformers layout), a .safetensors file with its "
          "config.json beside it, a bundled name (lyceum list), a hub name ORG/NAME[@REVISION] or a short "
          "name "
          "(lyceum list --names) in the user's Hugging Face cache. Nothing is downloaded but by pull, and by "
          "other verbs with --pull."));
  print_line(".SH VERBS");
  for (const CLI::App* verb : verbs_of(app)) {
    print_line(".SS " + verb->get_name());
    print_line(roff(verb->get_description()) + ".");
    for (const CLI::Option* option : verb->get_options()) {
      const std::string name =
          option->get_positional() ? option->get_name(true) : option->get_name(false, true);
      print_line(".TP\n\\fB" + roff(name) + "\\fR\n" + roff(option->get_description()));
    }
    std::string example = verb->get_footer();
    example = example.substr(example.rfind('\n') + 1);
    print_line(".PP\nExample:\n.PP\n.nf\n" + roff(example) + "\n.fi");
  }
  print_line(".SH EXIT STATUS");
  for (const auto& [status, meaning] : std::initializer_list<std::pair<const char*, const char*>>{
           {"0", "done"},
           {"1", "the work failed: one message says what was found and expected, where, and how to fix it"},
           {"2", "wrong usage"},
           {"3", "a known format or family that this build lacks"},
           {"130", "interrupted (Ctrl-C, SIGTERM); the message says how to go on"}})
    print_line(fmt::format(".TP\n.B {}\n{}", status, roff(meaning)));
  print_line(".SH ENVIRONMENT");
  for (const auto& [name, meaning] : std::initializer_list<std::pair<const char*, const char*>>{
           {"HF_HUB_CACHE, HF_HOME",
            "the Hugging Face cache ($HF_HOME/hub; default ~/.cache/huggingface/hub)"},
           {"HF_ENDPOINT", "the hub to pull from (default https://huggingface.co)"},
           {"HF_TOKEN, HF_TOKEN_PATH",
            "the token for private and gated models, or the file that holds it ($HF_HOME/token). It is sent "
            "to "
            "the endpoint's host only"},
           {"HF_HUB_OFFLINE", "1: nothing is fetched"},
           {"HF_HUB_DISABLE_SYMLINKS", "1: copies instead of links in the cache"},
           {"HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT",
            "seconds to wait for an answer, and for the next bytes of a file (10)"},
           {"LYCEUM_HOME, XDG_DATA_HOME",
            "bundled models lie in $LYCEUM_HOME/models ($XDG_DATA_HOME/lyceum/models)"},
           {"LYCEUM_MODELS_DIR", "where those lie that come with the program (default: share/lyceum/models)"},
           {"LYCEUM_ISA", "holds the kernels to one instruction set: avx2, avx512, amx or neon"},
           {"NO_COLOR", "no colours on a terminal"}})
    print_line(fmt::format(".TP\n.B {}\n{}", name, roff(meaning)));
}

}  // namespace

void add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  Verb verb(app, "completion", "Completion of verbs and options for a shell");
  verb.option("shell", *shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
  verb.example("source <(lyceum completion bash)");
  verb.run([shell, &app] {
    (*shell == "bash" ? print_bash : *shell == "zsh" ? print_zsh : print_fish)(app);
  });
}

void add_man(CLI::App& app) {
  Verb verb(app, "man", "The manual page, as man reads it");
  verb.example("lyceum man > lyceum.1 && man ./lyceum.1");
  verb.run([&app] { print_man(app); });
}

}  // namespace lyceum::app
