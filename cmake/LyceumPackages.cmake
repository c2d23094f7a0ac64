# What cpack needs to know; tools/package runs it, and says for which prefix everything is built.
#   lyceum       the command, its manual page, completions
#   lyceum-mpi   the module for runs of several processes; lyceum-ann: the one for approximate search
#   liblyceum0   the C interface; liblyceum-dev: its header, and the C++ library
# The .tar.gz holds all of them, and the shared libraries that a bare Debian lacks.
set(CPACK_PACKAGE_NAME lyceum)
set(CPACK_PACKAGE_VENDOR "The Lyceum authors")
set(CPACK_PACKAGE_CONTACT "The Lyceum authors <lyceum@lyceum.invalid>")
set(CPACK_PACKAGE_FILE_NAME lyceum-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/packages/each_kind.cmake)
set(CPACK_LYCEUM_FILES ${PROJECT_SOURCE_DIR}/cmake/packages)
set(CPACK_LYCEUM_MODULES ${CMAKE_INSTALL_LIBDIR}/lyceum)
set(CPACK_LYCEUM_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL OFF)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE lyceum)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

# lyceum_package(COMPONENT NAME package SECTION section [FIELD value]... IS "what it is" TEXT "sentences")
macro(lyceum_package component)
  cmake_parse_arguments(ARG "" "NAME;SECTION;IS;TEXT;DEPENDS;RECOMMENDS;SUGGESTS" "" ${ARGN})
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${ARG_NAME})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${ARG_SECTION})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "language models of papers on an ordinary CPU${ARG_IS}\n${ARG_TEXT}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${ARG_DEPENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_SUGGESTS "${ARG_SUGGESTS}")
endmacro()

set(CPACK_COMPONENTS_ALL "")
set(this_version "(= ${PROJECT_VERSION})")
set(fetches "libcurl4 | libcurl3-gnutls, ca-certificates")  # loaded when a model is fetched, so that shlibdeps does not see it
lyceum_package(command NAME lyceum SECTION utils RECOMMENDS "${fetches}" SUGGESTS "lyceum-ann, lyceum-mpi" TEXT
"Runs BERT and its descendants from the files in which they are published:
sentence vectors, semantic search over files, labels, spans, answers and
reranking. Results are the same bits for any number of threads.")
lyceum_package(library NAME liblyceum0 SECTION libs RECOMMENDS "${fetches}" IS " (C library)" TEXT
"Tokens, sentence vectors, labels and reranking for programs in C, and in
every language that calls C.")
lyceum_package(development NAME liblyceum-dev SECTION libdevel DEPENDS "liblyceum0 ${this_version}"
               RECOMMENDS "pkg-config, libfmt-dev, libhwy-dev, libsqlite3-dev, libzstd-dev, zlib1g-dev, liblinear-dev, libpcre2-dev, nettle-dev"
               IS " (development)" TEXT
"The header of the C library, and the C++ library with its headers. Programs
in C++ are linked with what is recommended here. Those in C need none of it.")
if(LYCEUM_MPI)
  lyceum_package(mpi NAME lyceum-mpi SECTION utils DEPENDS "lyceum ${this_version}" RECOMMENDS openmpi-bin IS " (several processes)" TEXT
"Lets the processes that mpirun starts share the work of the verbs embed,
rerank, classify and index of the command.")
endif()
if(LYCEUM_ANN)
  lyceum_package(ann NAME lyceum-ann SECTION utils DEPENDS "lyceum ${this_version}" IS " (approximate search)" TEXT
"Adds approximate search by Faiss to indexes of millions of passages, for the
command and for programs in C++ that are linked with liblyceum-dev's library.")
endif()

# The linker's cache is refreshed by a trigger, as policy has it. A postinst that is named and does not exist keeps cpack from
# writing one of its own that calls ldconfig; it warns of that.
set(control ${PROJECT_BINARY_DIR}/packages_control)
file(WRITE ${control}/triggers "activate-noawait ldconfig\n")
file(WRITE ${control}/shlibs "liblyceum ${PROJECT_VERSION_MAJOR} liblyceum${PROJECT_VERSION_MAJOR} (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${control}/triggers ${control}/shlibs ${control}/none/postinst ${control}/none/postrm)
include(CPack)
