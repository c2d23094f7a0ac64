// What the environment says about the hub, under the names that huggingface_hub reads.
#pragma once

#include <filesystem>
#include <string>

namespace lyceum {

struct HubSettings {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT, without a slash at its end
  std::string token;                // HF_TOKEN, else the file HF_TOKEN_PATH ($HF_HOME/token); empty: none
  bool offline = false;             // HF_HUB_OFFLINE
  bool use_links = true;            // not HF_HUB_DISABLE_SYMLINKS
  int metadata_seconds = 10;        // HF_HUB_ETAG_TIMEOUT
  int stall_seconds = 10;           // HF_HUB_DOWNLOAD_TIMEOUT: that long without bytes is a broken connection
  double first_wait_seconds = 0.5;  // before the first repetition; doubled each time. Not in the environment

  // Errc::kUsage for an endpoint that is no http(s) address, a token with characters that no token has, and
  // timeouts that are no positive number.
  static HubSettings from_environment();
};

// Where the token is looked for: $HF_TOKEN_PATH, else $HF_HOME/token.
std::filesystem::path token_path();

}  // namespace lyceum
