# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What run.sh does where there is no display: trains the starter job, exports the adapter, and lets base and trained model
# answer the same prompt. Sourced by run.sh.

starter_prompt="${LORIKEET_STARTER_PROMPT:-What does the L2 cache of a graphics card do?}"

# run_starter_job CLI
run_starter_job() {
    local cli="$1" job="$lorikeet_source/resources/starter/starter.lorikeet.json" place
    place="$data_home/lorikeet/starter-$(date +%Y%m%d-%H%M%S)"
    step "No display here: training the starter job in the terminal"
    mkdir -p -- "$place" || fail "cannot create $place; set XDG_DATA_HOME to a folder that can be written."
    "$cli" train "$job" --out "$place/run" || exit
    step "Exporting the adapter"
    "$cli" export "$place/run" --to peft -o "$place/adapter" || exit
    step "The same prompt to both: $starter_prompt"
    printf '\n--- base model ---\n'
    "$cli" generate starter --prompt "$starter_prompt" --max-tokens 120 --temperature 0 || exit
    printf '\n--- trained on the starter data ---\n'
    "$cli" generate starter --adapter "$place/adapter" --prompt "$starter_prompt" --max-tokens 120 --temperature 0 || exit
    printf '\n\nThe adapter lies in %s\nThe run lies in     %s\n' "$place/adapter" "$place/run"
}
