// SPDX-License-Identifier: GPL-3.0-or-later
// The boundary of the engine: what the standard library and the JSON library throw becomes an Error here.
#pragma once

#include "engine/base/error.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <new>
#include <stdexcept>

namespace lorikeet::api {

/// Runs a verb. Errors, and what the caller's own callbacks throw beside the standard families, pass unchanged. @throws Error
template <typename Verb>
decltype(auto) guarded(Verb&& verb, ErrorCode fileProblem = ErrorCode::BadInput)
{
    constexpr const char* kReport = "this is a bug in Lorikeet; please report it with this line";
    constexpr const char* kMemory = "the system has no more memory";
    constexpr const char* kFreeMemory = "close other programs, or choose a smaller model or context";
    try {
        return verb();
    } catch (const std::bad_alloc&) {
        throw Error(ErrorCode::DoesNotFit, kMemory, kFreeMemory);
    } catch (const std::length_error&) {
        throw Error(ErrorCode::DoesNotFit, kMemory, kFreeMemory);
    } catch (const std::filesystem::filesystem_error& error) {
        throw Error(fileProblem, error.what(), "check that the file or folder is there and that its permissions allow this");
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::BadInput, std::string("a JSON file cannot be used: ") + error.what(), "check the file that was given");
    } catch (const std::logic_error& error) {
        throw Error(ErrorCode::Internal, error.what(), kReport);
    } catch (const std::runtime_error& error) {
        throw Error(ErrorCode::Internal, error.what(), kReport);
    }
}

}  // namespace lorikeet::api
