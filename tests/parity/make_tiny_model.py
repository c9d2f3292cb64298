# SPDX-License-Identifier: GPL-3.0-or-later
"""make_tiny_model.py OUT [untied] [padded]: a whole instruction model in miniature, for tests of runs: random llama weights that train, a byte-level
tokenizer with two special tokens, and a chat template that prints the date. untied: with a head of its own;
padded: with 7 more rows than the tokenizer has tokens."""
import pathlib
import sys

TEMPLATE = ("{{- '[' + strftime_now('%Y-%m-%d %j %a') + ']' -}}"
            "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{%- endfor %}"
            "{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}")


def tokenizer():
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=TEMPLATE)


def main():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    out = pathlib.Path(sys.argv[1])
    words = tokenizer()
    kind = sys.argv[2:]
    torch.manual_seed(5)
    config = LlamaConfig(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         vocab_size=len(words) + (7 if "padded" in kind else 0), max_position_embeddings=512,
                         tie_word_embeddings="untied" not in kind, initializer_range=0.1,
                         eos_token_id=words.eos_token_id, bos_token_id=None, pad_token_id=words.pad_token_id)
    LlamaForCausalLM(config).save_pretrained(out)
    words.save_pretrained(out)


if __name__ == "__main__":
    main()
