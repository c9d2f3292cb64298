// SPDX-License-Identifier: GPL-3.0-or-later
// Functions every template can call, and the objects they make.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "engine/tokenizer/jinja/heap_values.h"

namespace lorikeet::jinja {

/// range, dict, namespace, cycler, joiner, raise_exception, strftime_now; Missing for other names.
[[nodiscard]] Value globalFunction(std::string_view name);

/// namespace(...): the one thing a template can change.
struct NamespaceObject final : ObjectValue {
    [[nodiscard]] Value attribute(Runtime& runtime, std::string_view name) override;
    [[nodiscard]] std::string represent(Runtime& runtime) const override;
    [[nodiscard]] std::string_view typeName() const override { return "Namespace"; }
    /// @throws Failure for names that begin with an underscore, which transformers refuses.
    void set(std::string_view name, Value value);

    DictValue attributes;
};

/// A function of C++ with a name.
struct FunctionObject final : ObjectValue {
    using Body = Value (*)(Runtime& runtime, const CallArguments& arguments);
    FunctionObject(std::string n, Body b) : name(std::move(n)), body(b) {}
    [[nodiscard]] bool isCallable() const override { return true; }
    [[nodiscard]] Value call(Runtime& runtime, const CallArguments& arguments) override { return body(runtime, arguments); }
    [[nodiscard]] std::string represent(Runtime&) const override { return "<function " + name + ">"; }
    [[nodiscard]] std::string_view typeName() const override { return "function"; }

    std::string name;
    Body body;
};

/// A method looked up on a value: "abc".upper
struct BoundMethod final : ObjectValue {
    using Body = Value (*)(Runtime& runtime, const Value& self, const CallArguments& arguments);
    BoundMethod(Value s, std::string_view n, Body b);
    [[nodiscard]] bool isCallable() const override { return true; }
    [[nodiscard]] Value call(Runtime& runtime, const CallArguments& arguments) override { return body(runtime, self, arguments); }
    [[nodiscard]] std::string represent(Runtime&) const override;
    [[nodiscard]] std::string_view typeName() const override { return "builtin_function_or_method"; }

    Value self;
    std::string_view name;
    Body body;
};

/// The methods next and reset of a cycler.
[[nodiscard]] Value cyclerNext(Runtime& runtime, const Value& self, const CallArguments& arguments);
[[nodiscard]] Value cyclerReset(Runtime& runtime, const Value& self, const CallArguments& arguments);

/// strftime of Python with English names. @throws Failure for unknown directives.
[[nodiscard]] std::string formatTime(std::string_view format, const std::tm& time);

}  // namespace lorikeet::jinja
