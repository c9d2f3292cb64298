#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a tiny Llama with a trained byte-level BPE tokenizer and a ChatML template, as transformers saves them.

Usage: make_chatml_model.py FOLDER [others]
Random weights from a fixed seed: 2 layers, hidden 64, 4 heads on 2, MLP 128, 384 tokens; 0.4 MB in fp32. With "others" FOLDER gets a folder
for each of those families whose configuration says more than Llama's.
"""
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, GraniteConfig, LlamaConfig, Olmo2Config, PreTrainedTokenizerFast, Qwen2Config, SmolLM3Config

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TEXTS = [
    "What is a warp? A warp is a group of 32 threads that run the same instruction.",
    "How large is a token? A token is a piece of a word, three or four letters long.",
    "The memory of a card holds weights, activations, gradients and optimizer state.",
    "user assistant system question answer number short try once twice in between",
]


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(TEXTS * 4, trainers.BpeTrainer(
        vocab_size=384, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = CHATML
    return fast


def save(config, tokenizer, folder):
    torch.manual_seed(7)
    AutoModelForCausalLM.from_config(config).to(torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main():
    folder = sys.argv[1]
    tokenizer = make_tokenizer()
    sizes = dict(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
                 eos_token_id=tokenizer.eos_token_id, bos_token_id=None, pad_token_id=tokenizer.pad_token_id)
    if sys.argv[2:] != ["others"]:
        save(LlamaConfig(**sizes), tokenizer, folder)
        return
    yarn = dict(rope_type="yarn", factor=4.0, rope_theta=10000.0, original_max_position_embeddings=128)
    save(GraniteConfig(**sizes, embedding_multiplier=6.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=1.5), tokenizer,
         folder + "/granite")
    save(SmolLM3Config(**sizes, no_rope_layer_interval=2), tokenizer, folder + "/smollm3")
    save(Olmo2Config(**sizes), tokenizer, folder + "/olmo2")
    save(Qwen2Config(**sizes, use_sliding_window=True, sliding_window=11, max_window_layers=1, rope_parameters=yarn), tokenizer, folder + "/qwen2")


if __name__ == "__main__":
    main()
