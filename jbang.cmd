@echo off
rem Does on Windows what the script jbang beside it does elsewhere; read that one for the reasons.
rem Written without a Windows machine to try it on: please tell us what is wrong with it.
setlocal EnableExtensions DisableDelayedExpansion

set "version=0.132.1"
set "home=%USERPROFILE%\.jbang"
if defined JBANG_DIR set "home=%JBANG_DIR%"
set "shelf=%home%\wirelab"
set "jars=%shelf%\jbang-%version%"
set "flags=-XX:TieredStopAtLevel=1 -Xlog:disable"

call :find_jdk
if defined jdk set "JAVA_HOME=%jdk%"
if defined jdk set "PATH=%jdk%\bin;%PATH%"

set "installed="
for %%N in (jbang.exe jbang.cmd jbang.bat) do (
    for /f "delims=" %%F in ('where "$PATH:%%N" 2^>nul') do call :try_jbang "%%F"
)
if defined installed goto installed

if not defined jdk (
    echo jbang: no JDK 25 or newer is found: install one, or set JAVA_HOME to its folder. 1>&2
    exit /b 2
)
set "JBANG_DIR=%home%"
set "JBANG_NO_VERSION_CHECK=true"
if not exist "%jars%\" call :fetch || exit /b 2

set "JBANG_RUNTIME_SHELL=cmd"
set "JBANG_STDIN_NOTTY=false"
rem timeout refuses to work when stdin is no console.
timeout /t 0 > nul 2>&1 || set "JBANG_STDIN_NOTTY=true"
set "answer=%TEMP%\wirelab.%RANDOM%%RANDOM%.txt"
"%JAVA_HOME%\bin\java" %flags% "-XX:AOTCache=%jars%\jbang.aot" %JBANG_JAVA_OPTIONS% ^
    -cp "%jars%\*" dev.jbang.Main %* > "%answer%"
set "status=%ERRORLEVEL%"
if not "%status%"=="255" goto answered

rem 255: it wants its caller to run the command that it printed.
set "line="
for /f "usebackq delims=" %%L in ("%answer%") do set "line=%%L"
if not defined line goto answered
del "%answer%"
%line%
exit /b %ERRORLEVEL%

:answered
type "%answer%"
del "%answer%"
exit /b %status%

:installed
rem Without call, which would read the arguments a second time. A .cmd doesn't return from here.
"%installed%" %*
exit /b %ERRORLEVEL%

:try_jbang
if defined installed exit /b
findstr /l wirelab "%~1" > nul || set "installed=%~1"
exit /b

:find_jdk
set "jdk="
if defined JAVA_HOME call :try_jdk "%JAVA_HOME%"
for /f "delims=" %%J in ('where "$PATH:java.exe" 2^>nul') do call :try_jdk "%%~dpJ.."
call :try_jdk "%home%\currentjdk"
for /d %%D in (
    "%home%\cache\jdks\*"
    "%USERPROFILE%\.jdks\*"
    "%USERPROFILE%\scoop\apps\*jdk*"
    "%ProgramFiles%\Java\*"
    "%ProgramFiles%\Eclipse Adoptium\*"
    "%ProgramFiles%\Microsoft\jdk*"
    "%ProgramFiles%\Zulu\*"
    "%ProgramFiles%\Amazon Corretto\*"
    "%ProgramFiles%\BellSoft\*"
    "%LOCALAPPDATA%\Programs\Eclipse Adoptium\*"
) do (
    call :try_jdk "%%~D"
    call :try_jdk "%%~D\current"
)
exit /b

:try_jdk
if defined jdk exit /b
if not exist "%~1\bin\javac.exe" exit /b
if not exist "%~1\release" exit /b
rem The dot stands for the quote before the number.
findstr /r /b /c:"JAVA_VERSION=.2[5-9]" /c:"JAVA_VERSION=.[3-9][0-9]" "%~1\release" > nul ^
    && set "jdk=%~f1"
exit /b

:fetch
where "$PATH:mvn.cmd" > nul 2>&1 || (
    echo jbang: neither JBang nor Maven is on the PATH: install one of them, then try again. 1>&2
    exit /b 2
)
set "new=%shelf%\fetch.%RANDOM%%RANDOM%"
set "scratch=%new%\scratch"
mkdir "%scratch%" 2> nul || goto not_made
echo jbang: fetching JBang %version% with Maven, once... 1>&2
findstr /r /c:"^ *</*[a-z]" "%~dp0jbang" > "%scratch%\pom.xml"
call mvn -q -B -f "%scratch%\pom.xml" "-Djbang=%version%" "-DoutputDirectory=%new%" ^
    org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies ^
    < nul > "%scratch%\log" 2>&1 || goto not_fetched
call :trial
rmdir /s /q "%scratch%"
rem Fails when another start was faster: then its folder serves as well.
ren "%new%" "jbang-%version%" 2> nul || rmdir /s /q "%new%"
if exist "%jars%\" exit /b 0

:not_made
echo jbang: %jars% can't be made: set JBANG_DIR to a folder where you may write. 1>&2
exit /b 2

:not_fetched
type "%scratch%\log" 1>&2
rmdir /s /q "%new%"
echo jbang: Maven could not fetch JBang %version%; its message is above. 1>&2
exit /b 2

:trial
setlocal
set "JBANG_DIR=%scratch%\trial"
set "JBANG_CACHE_DIR=%scratch%\trial\cache"
echo void main() {} > "%scratch%\Trial.java"
"%JAVA_HOME%\bin\java" %flags% "-XX:AOTCacheOutput=%new%\jbang.aot" -cp "%new%\*" ^
    dev.jbang.Main "%scratch%\Trial.java" < nul > nul 2>&1
endlocal
exit /b 0
