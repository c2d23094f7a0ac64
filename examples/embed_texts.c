/* Vectors of texts from C, one a line:   embed_texts MODEL TEXT...        cc embed_texts.c $(pkg-config
 * --cflags --libs lyceum) */
#include <lyceum.h>
#include <stdio.h>
#include <stdlib.h>

static int give_up(lyceum_error* error) {
  fprintf(stderr, "embed_texts: %s\n", lyceum_error_message(error));
  lyceum_error_free(error);
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: embed_texts MODEL TEXT...\n"), 2;
  lyceum_error* error = NULL;
  lyceum_embedder* model = NULL; /* a folder or a name such as all-MiniLM-L6-v2 */
  if (lyceum_embedder_load(argv[1], NULL, &model, &error) != LYCEUM_OK) return give_up(error);

  const char* const* texts = (const char* const*)(argv + 2);
  const size_t count = (size_t)argc - 2, width = (size_t)lyceum_embedder_width(model);
  float* vectors = calloc(count * width, sizeof *vectors);
  if (vectors == NULL) return fprintf(stderr, "embed_texts: no memory\n"), 1;
  if (lyceum_embed(model, texts, NULL, count, vectors, count * width, &error) != LYCEUM_OK)
    return give_up(error);

  for (size_t text = 0; text < count; ++text)
    for (size_t i = 0; i < width; ++i)
      printf("%.9g%c", vectors[text * width + i], i + 1 < width ? ' ' : '\n');
  free(vectors);
  lyceum_embedder_free(model);
  return 0;
}
