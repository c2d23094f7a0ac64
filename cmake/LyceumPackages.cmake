# `cpack -G DEB` and `cpack -G TGZ` in a build tree; tools/package builds both for Debian 12.
#   lyceum          the command, its manual page, completions
#   lyceum-mpi      what runs of several processes need, lyceum-ann: what approximate search needs
#   liblyceum0      the C interface; liblyceum-dev: its header and the C++ library
set(CPACK_PACKAGE_NAME lyceum)
set(CPACK_PACKAGE_VENDOR "The Lyceum authors")
set(CPACK_PACKAGE_CONTACT "The Lyceum authors <lyceum@lyceum.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "language models of a reading list on an ordinary CPU")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/packages/each_kind.cmake)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(LYCEUM_COMPONENTS command library development)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# lyceum_package(COMPONENT NAME package SECTION section TEXT "what it is" [MORE "lines"] [FIELD value]...)
macro(lyceum_package component)
  cmake_parse_arguments(ARG "" "NAME;SECTION;TEXT;MORE;DEPENDS;RECOMMENDS;SUGGESTS" "" ${ARGN})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${ARG_NAME})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${ARG_SECTION})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${ARG_TEXT}\n${ARG_MORE}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${ARG_DEPENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_SUGGESTS "${ARG_SUGGESTS}")
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/packages/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${ARG_NAME} COMPONENT ${component})
endmacro()

set(same_version "(= ${PROJECT_VERSION})")
lyceum_package(command NAME lyceum SECTION utils TEXT "language models of a reading list on an ordinary CPU"
               MORE "Runs BERT and its descendants from the files in which they are published: sentence vectors, semantic search over files, \
labels, spans, answers, reranking. Results are the same bits for any number of threads." RECOMMENDS "libcurl4" SUGGESTS "lyceum-ann, lyceum-mpi")
lyceum_package(library NAME liblyceum0 SECTION libs TEXT "language models of a reading list on an ordinary CPU (C library)"
               MORE "Tokens, sentence vectors, labels and reranking for programs in C and whatever calls C." RECOMMENDS "libcurl4")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/packages/triggers)
lyceum_package(development NAME liblyceum-dev SECTION libdevel TEXT "language models of a reading list on an ordinary CPU (development files)"
               MORE "The header of the C library, and the C++ library with its headers; what is recommended is what programs in C++ are linked with."
               DEPENDS "liblyceum0 ${same_version}" RECOMMENDS "libfmt-dev, libhwy-dev, libsqlite3-dev, libzstd-dev, zlib1g-dev, liblinear-dev, libpcre2-dev, nettle-dev")
if(LYCEUM_MPI)
  list(APPEND LYCEUM_COMPONENTS mpi)
  lyceum_package(mpi NAME lyceum-mpi SECTION utils TEXT "language models of a reading list on an ordinary CPU (several processes)"
                 MORE "Lets the processes that mpirun starts share the work of embed, rerank, classify and index." DEPENDS "lyceum ${same_version}" RECOMMENDS "openmpi-bin")
endif()
if(LYCEUM_ANN)
  list(APPEND LYCEUM_COMPONENTS ann)
  lyceum_package(ann NAME lyceum-ann SECTION utils TEXT "language models of a reading list on an ordinary CPU (approximate search)"
                 MORE "Lets search indexes of millions of passages be searched by Faiss." DEPENDS "lyceum ${same_version}")
endif()
# The archive has everything, and the libraries beside it that a bare Debian lacks.
set(CPACK_ARCHIVE_COMPONENT_INSTALL OFF)
install(CODE "set(modules ${CMAKE_INSTALL_LIBDIR}/lyceum)" COMPONENT bundle EXCLUDE_FROM_ALL)
install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/packages/bundle.cmake COMPONENT bundle EXCLUDE_FROM_ALL)
set(CPACK_COMPONENTS_ALL ${LYCEUM_COMPONENTS})
include(CPack)
