# Makes of an installed tree what Debian's policy asks for; cpack runs it when the components lie in folders of their own.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH's, where it is set
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(share ${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX}/share)
  file(COPY ${CPACK_LYCEUM_FILES}/copyright DESTINATION ${share}/doc/${package} NO_SOURCE_PERMISSIONS)
  file(WRITE ${share}/doc/${package}/changelog
"lyceum (${CPACK_PACKAGE_VERSION}) stable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  file(GLOB to_compress ${share}/man/man1/*.1)
  execute_process(COMMAND gzip -9n ${share}/doc/${package}/changelog ${to_compress} COMMAND_ERROR_IS_FATAL ANY)
  # site-functions is for what the machine's owner puts there
  if(EXISTS ${share}/zsh/site-functions)
    file(RENAME ${share}/zsh/site-functions ${share}/zsh/vendor-completions)
  endif()
endforeach()
