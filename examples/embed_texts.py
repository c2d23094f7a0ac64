"""Vectors of texts from Python without any package, one a line:   python3 embed_texts.py MODEL TEXT..."""
import ctypes
import os
import sys

lib = ctypes.CDLL("liblyceum.so.0")
lib.lyceum_error_message.restype = ctypes.c_char_p
lib.lyceum_embedder_width.restype = ctypes.c_int64


def call(function, *arguments):
    error = ctypes.c_void_p()
    if function(*arguments, ctypes.byref(error)) != 0:
        sys.exit(f"embed_texts: {lib.lyceum_error_message(error).decode()}")


model = ctypes.c_void_p()  # a folder or a name such as all-MiniLM-L6-v2
call(lib.lyceum_embedder_load, os.fsencode(sys.argv[1]), None, ctypes.byref(model))
texts = [os.fsencode(text) for text in sys.argv[2:]]
width = lib.lyceum_embedder_width(model)
vectors = (ctypes.c_float * (len(texts) * width))()
call(lib.lyceum_embed, model, (ctypes.c_char_p * len(texts))(*texts), None, ctypes.c_size_t(len(texts)), vectors,
     ctypes.c_size_t(len(vectors)))
for i in range(len(texts)):
    print(*vectors[i * width:(i + 1) * width])
lib.lyceum_embedder_free(model)
