# tiny_whisper.py DIRECTORY: a Whisper model for faster-whisper with one layer of noise, which loads and transcribes nothing
# of use. The vocabulary holds the real special tokens: without them CTranslate2 refuses the prompt.
import os, sys
import ctranslate2, numpy as np
from ctranslate2.specs import whisper_spec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk "
    "te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo "
    "ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su"
).split()
SPECIAL = (
    ["<|endoftext|>", "<|startoftranscript|>"]
    + ["<|%s|>" % language for language in LANGUAGES]
    + ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    + ["<|%.2f|>" % (step * 0.02) for step in range(1501)]
)
WIDTH, INNER, MELS, WORDS = 16, 32, 80, 50257

directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
words = sorted(pre_tokenizers.ByteLevel.alphabet())
words += ["w%d" % number for number in range(len(words), WORDS)]
tokenizer = Tokenizer(models.BPE(vocab={word: at for at, word in enumerate(words)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
tokenizer.save(os.path.join(directory, "tokenizer.json"))

random = np.random.default_rng(0)


def noise(*shape):
    return (random.standard_normal(shape) * 0.02).astype(np.float32)


def linear(layer, into, out):
    layer.weight, layer.bias = noise(out, into), np.zeros(out, np.float32)


def norm(layer):
    layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def attention(layer, own):
    norm(layer.layer_norm)
    for at, out in enumerate((3 * WIDTH, WIDTH) if own else (WIDTH, 2 * WIDTH, WIDTH)):
        linear(layer.linear[at], WIDTH, out)


def feed_forward(layer):
    norm(layer.layer_norm)
    linear(layer.linear_0, WIDTH, INNER)
    linear(layer.linear_1, INNER, WIDTH)


spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
encoder, decoder = spec.encoder, spec.decoder
encoder.conv1.weight, encoder.conv1.bias = noise(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
encoder.conv2.weight, encoder.conv2.bias = noise(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
encoder.position_encodings.encodings = noise(1500, WIDTH)
norm(encoder.layer_norm)
for layer in encoder.layer:
    attention(layer.self_attention, True)
    feed_forward(layer.ffn)
decoder.embeddings.weight = noise(tokenizer.get_vocab_size(), WIDTH)
decoder.position_encodings.encodings = noise(448, WIDTH)
norm(decoder.layer_norm)
decoder.scale_embeddings = False
decoder.projection.weight = decoder.embeddings.weight
for layer in decoder.layer:
    attention(layer.self_attention, True)
    attention(layer.attention, False)
    feed_forward(layer.ffn)
spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
spec.config.lang_ids, spec.config.alignment_heads = [tokenizer.token_to_id("<|en|>")], [(0, 0)]
spec.register_vocabulary([token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])])
spec.validate()
spec.optimize(quantization=None)
spec.save(directory)
