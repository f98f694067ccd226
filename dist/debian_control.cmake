# Run by CPack over the packages it has made. It has ldconfig called for every shared object below /usr/lib; ours is a
# module that no linker looks for, and a package without scripts does nothing when it comes and goes.
foreach(package ${CPACK_PACKAGE_FILES})
  if(package MATCHES "\\.deb$")
    set(content ${CPACK_TEMPORARY_DIRECTORY}/content)
    file(REMOVE_RECURSE ${content})
    execute_process(COMMAND dpkg-deb -R ${package} ${content} COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE ${content}/DEBIAN/postinst ${content}/DEBIAN/postrm)
    execute_process(COMMAND dpkg-deb --root-owner-group -Zxz -b ${content} ${package} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
