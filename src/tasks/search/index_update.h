// Brings an index to the state of files and folders, and takes files out.
#pragma once

#include <filesystem>
#include <span>

#include "tasks/search/index_store.h"
#include "tasks/search/search_index.h"

namespace lyceum {

// What SearchIndex::update and SearchIndex::remove promise.
UpdateStats update_index(const IndexStore& store, std::span<const std::filesystem::path> roots,
                         const TextEncoder& encoder, const UpdateOptions& options);
std::int64_t remove_from_index(const IndexStore& store, std::span<const std::filesystem::path> paths);

}  // namespace lyceum
