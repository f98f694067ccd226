# What is installed beside the programs: the manual, completions, the daemon's unit, documents; and the Debian package.

# The manual is made by the program itself, from the tables that its help is made of.
string(TIMESTAMP TALLY_DATE "%Y-%m-%d" UTC) # SOURCE_DATE_EPOCH counts
set(MAN_DIR ${CMAKE_BINARY_DIR}/man)
file(GLOB MAN_SOURCES CONFIGURE_DEPENDS dist/man/*)
add_custom_command(OUTPUT ${MAN_DIR}/man1/tally.1
  COMMAND dist/man/make.sh $<TARGET_FILE:tally> dist/man ${MAN_DIR} ${PROJECT_VERSION} ${TALLY_DATE}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DEPENDS tally ${MAN_SOURCES} VERBATIM)
add_custom_target(man ALL DEPENDS ${MAN_DIR}/man1/tally.1)
install(DIRECTORY ${MAN_DIR}/ DESTINATION ${CMAKE_INSTALL_MANDIR})

set(TALLY_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completions")
install(FILES dist/completions/tally.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tally)
install(FILES dist/completions/_tally DESTINATION ${TALLY_ZSH_DIR})
install(FILES dist/completions/tally.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# Only when it is installed is it known where the daemon will be.
set(UNIT ${CMAKE_BINARY_DIR}/tallyd.service)
install(CODE "set(TALLYD \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/tallyd\")
  configure_file(\"${CMAKE_SOURCE_DIR}/dist/tallyd.service.in\" \"${UNIT}\" @ONLY)")
install(FILES ${UNIT} DESTINATION lib/systemd/user)

install(FILES README.md ARCHITECTURE.md CONTRIBUTING.md PROTOCOL.md SECURITY.md CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# The Debian package; Debian has none of this name. libcurl is loaded by name when a webhook is sent, libcrypto when much is hashed; fonts are opened by
# path when a PDF is set: shlibdeps sees neither.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tally)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Tally authors <tally@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ledger of what AI coding agents did and what it cost")
set(CPACK_PACKAGE_DESCRIPTION
"Tally reads the logs that AI coding agents leave on disk and keeps what they
did and cost as signed records in a local, append-only ledger. It attributes
work to clients, derives reports and invoices, syncs with teammates without a
server, and makes packs from which an outsider recomputes every figure.
.
Removing this package leaves the ledgers of its users alone.")
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS tzdata)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
  "git, libssl3, libcurl4, ca-certificates, fonts-inter, fonts-dejavu-core, fonts-droid-fallback, fonts-symbola")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS libnotify-bin)
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON) # strips
set(CPACK_SET_DESTDIR ON) # /usr is in the unit
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/dist/debian_content.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/dist/debian_control.cmake)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
include(CPack)
