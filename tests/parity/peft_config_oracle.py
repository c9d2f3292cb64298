# SPDX-License-Identifier: GPL-3.0-or-later
"""PEFT as an oracle for adapter_config.json.

DIR FILE...   saves configurations as PEFT does to DIR/NAME/adapter_config.json; loads each FILE as PEFT does (an unexpected key is an
              error); prints {"written": the fields of the former, "read": [for each FILE its fields, and the text that PEFT itself
              would write for it, with the keys of FILE only]}
"""
import json
import pathlib
import sys
import warnings

from peft import LoraConfig, PeftConfig

FIELDS = ["r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "base_model_name_or_path", "revision",
          "task_type", "inference_mode"]


def fields(config):
    answer = {key: getattr(config, key) for key in FIELDS}
    answer["target_modules"] = config.target_modules if isinstance(config.target_modules, str) else sorted(config.target_modules)
    return answer


def write(folder):
    configs = {
        "plain": LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM",
                            base_model_name_or_path="org/model", lora_dropout=0.05),
        "patterns": LoraConfig(r=8, lora_alpha=8, target_modules=["q_proj"], use_rslora=True, revision="main",
                               rank_pattern={"layers.1.self_attn.q_proj": 4, ".*\\.0\\..*": 2}, alpha_pattern={"q_proj": 24}),
        "regex": LoraConfig(target_modules=".*\\.(q|v)_proj", init_lora_weights="gaussian"),
        "dora": LoraConfig(target_modules=["q_proj"], use_dora=True),
        "saved": LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"]),
        "bias": LoraConfig(target_modules=["q_proj"], bias="lora_only"),
        "layers": LoraConfig(target_modules=["q_proj"], layers_to_transform=[0]),
    }
    for name, config in configs.items():
        config.save_pretrained(folder / name)
    return {name: fields(config) for name, config in configs.items()}


def compare(paths):
    answers = []
    for path in paths:
        ours = json.loads(pathlib.Path(path).read_text())
        with warnings.catch_warnings():  # PEFT warns about keys that it does not know
            warnings.simplefilter("error")
            config = PeftConfig.from_pretrained(str(pathlib.Path(path).parent))
        theirs = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
        assert set(ours) <= set(theirs), set(ours) - set(theirs)
        text = json.dumps({key: theirs[key] for key in ours}, indent=2, sort_keys=True)
        answers.append({"text": text, "fields": fields(config)})
    return answers


json.dump({"written": write(pathlib.Path(sys.argv[1])), "read": compare(sys.argv[2:])}, sys.stdout)
